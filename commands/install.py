"""Install: makes the community's software usable from the first source that works."""

from typing import Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import InstallFailed
from pilot.facts import Installation
from pilot.install.source import Source, source


class Install(Command):
    """Install the community's software: the first of the sources that works wins."""

    name = "Install"
    options: Tuple[Option, ...] = (
        Option(
            "install",
            "a source; several are tried in order: env:SCRIPT, archive:URL#sha256:HEX, pip:REQUIREMENT, "
            "installer:URL, git:URL@REF, none",
            source,
            (),
            repeat=True,
        ),
        Option("install_timeout_s", "seconds each attempt may take", values.seconds, 900.0),
        Option("install_setup", "a script inside what was unpacked that sets the environment"),
        Option("pip_options", "further options of pip install", values.words, ()),
    )
    provides = (Installation,)
    uses = ("pilot.install.ways",)
    timeout_s = 4 * 3600.0
    failure = InstallFailed

    def run(self, ctx: Context) -> Tuple[object, ...]:
        sources: Tuple[Source, ...] = ctx.settings["install"]
        if all(one.kind == "none" for one in sources):
            self.log.info("nothing to install")
            return (Installation("none", "", {}),)
        from pilot.install import ways

        installed, attempts = ways.first_that_works(ctx, sources)
        if installed is None:
            raise InstallFailed(
                "no source worked: " + "; ".join("%s: %s" % (a.source, a.reason) for a in attempts)
            )
        self.log.info("software from %s after %.1f s", installed.source, attempts[-1].seconds)
        return (installed,)
