"""DIRAC's options in the toolbox's terms: each is declared once, with the default of DIRAC's
pilot."""

import re
from typing import Any, Dict, Tuple

from pilot import values
from pilot.command import Option
from pilot.engine.settings import Settings


def yes_or_no(text: str) -> str:
    """DIRAC's programs receive booleans as the words True and False."""
    try:
        return str(values.boolean(text.lower()))
    except ValueError:
        raise ValueError("%r is neither True nor False" % text)


def parse_variables(text: str) -> Tuple[Tuple[str, str], ...]:
    """Environment variables in DIRAC's notation N:::V,N2:::V2."""
    variables = []
    for item in (part for part in text.split(",") if part.strip()):
        name, mark, value = item.partition(":::")
        if not mark or not name.strip():
            raise ValueError("%r is not NAME:::VALUE" % item)
        variables.append((name.strip(), value))
    return tuple(variables)


def parse_modules(text: str) -> Tuple[Tuple[str, str, str], ...]:
    """url[:::Project[:::branch]], separated by commas."""
    modules = []
    for item in (part.strip() for part in text.split(",") if part.strip()):
        parts = item.split(":::")
        if len(parts) > 3 or not parts[0]:
            raise ValueError("%r is not URL:::Project:::branch" % item)
        url, project, branch = (parts + ["", ""])[:3]
        modules.append((url, project or _project_of(url), branch))
    return tuple(modules)


def _project_of(url: str) -> str:
    """The project in the last part of a URL: DIRAC for .../DIRAC.git and .../DIRAC-9.1.22.tar.gz."""
    last = url.rstrip("/").rsplit("/", 1)[-1].replace(".git", "")
    return re.split(r"-\d", last, maxsplit=1)[0]


def parse_locations(text: str) -> Tuple[str, ...]:
    """Folders, separated by commas or spaces."""
    return tuple(text.replace(",", " ").split())


_ALL = (
    Option(
        "release_version", "the release of DIRAC, or of the project, to use; several: the first"
    ),
    Option("release_project", "the project that is installed: LHCb installs LHCbDIRAC"),
    Option(
        "configuration_servers", "the configuration servers, dips:// or https://", values.words, ()
    ),
    Option("min_disk_mb", "MB that must be free in the workdir", values.megabytes, 2560),
    Option("extra_packages", "DIRAC extensions to configure", values.words, ()),
    Option(
        "option",
        "a value for DIRAC's configuration, /LocalSite/X=y; or cvmfsOnly, diracInstallOnly",
        repeat=True,
        default=(),
    ),
    Option("tag", "a tag that this pilot offers", repeat=True, default=()),
    Option("required_tag", "a tag that jobs must ask for to be run here", repeat=True, default=()),
    Option("cpu_time", "CPU seconds to ask of the queue (default 900)", values.seconds, 900.0),
    Option(
        "local_ce_type",
        "DIRAC's inner computing element: InProcess, Pool, Singularity, Pool/Singularity",
        default="",
    ),
    Option("user_group", "the group that jobs must belong to", default=""),
    Option("owner_dn", "the owner that jobs must have", default=""),
    Option("max_cycles", "cycles of the JobAgent", values.count, 10),
    Option("polling_time", "seconds between them", values.count, 20),
    Option(
        "stop_on_application_failure", "end the agent when an application fails", yes_or_no, "True"
    ),
    Option(
        "stop_after_failed_matches",
        "end the agent after so many matches without a job",
        values.count,
        10,
    ),
    Option("pilot_processors", "processors of this slot", values.count),
    Option("max_number_of_processors", "use no more processors than this", values.count),
    Option(
        "use_server_certificate",
        "show a host certificate instead of a proxy",
        values.boolean,
        False,
    ),
    Option(
        "cert_location",
        "the folder of hostcert.pem and hostkey.pem (default: etc/grid-security in the workdir)",
    ),
    Option("gateway", "a gateway to DIRAC's services", default=""),
    Option(
        "command_options",
        "values for communities' own commands: a=1,b=2",
        values.pairs,
        (),
        repeat=True,
    ),
    Option("preinstalled_env", "a script that makes an installed DIRAC usable", default=""),
    Option("preinstalled_env_prefix", "the folder of <version>/<platform>/diracosrc", default=""),
    Option(
        "cvmfs_locations",
        "where on CVMFS certificates and installations lie; $VARIABLES are filled in",
        parse_locations,
        ("/cvmfs/grid.cern.ch", "/cvmfs/dirac.egi.eu"),
    ),
    Option("modules", "further code to install: URL:::Project:::branch", parse_modules, ()),
    Option(
        "user_env_variables",
        "variables for DIRAC's programs: NAME:::VALUE, several with commas between",
        parse_variables,
        (),
    ),
    Option("pip_install_options", "options of pip install, with blanks between them", default=""),
    Option(
        "diracos_url",
        "where DIRACOS is fetched from, #sha256:HEX is checked "
        "(default: the newest release on GitHub)",
        default="",
    ),
    Option("architecture_script", "the program that prints the platform", default="dirac-platform"),
    Option("remote_logging", "send the log to remote_logger_url", values.boolean, False),
    Option("remote_logger_url", "the address of TornadoPilotLogging", default=""),
    Option(
        "remote_logger_timer_interval",
        "seconds after which gathered lines are sent; 0: only many lines, and the end",
        values.seconds,
        0.0,
    ),
    Option("remote_logger_bufsize", "lines that are sent together", values.count, 1000),
    Option(
        "remote_logger_ces_white_list",
        "the only computing elements whose pilots send their log; empty: all",
        values.words,
        (),
    ),
    Option("diracx_url", "the address of DiracX, which then gets the log", default=""),
    Option("pilot_secret", "the secret that DiracX takes for a token", secret=True, default=""),
    Option(
        "client_id", "the client that a token of DiracX is refreshed for", default="myDIRACClientID"
    ),
    Option("keep_python_path", "leave PYTHONPATH to DIRAC's programs", values.boolean, False),
    Option("log_level", "the level of DIRAC's programs", default="INFO"),
    Option("nagios_put_url", "where each probe's result is PUT", default=""),
    Option("preferred_url_patterns", "patterns of the services to prefer", values.words, ()),
    Option(
        "program_timeout_s",
        "seconds that a program of DIRAC may take, which is as long as its calls wait for an answer; "
        "it is started once more then",
        values.seconds,
        600.0,
    ),
    Option(
        "skip_broken_modules",
        "leave a community's module that cannot be imported out, and say so, instead of ending; on the "
        "command line or as a variable",
        values.boolean,
        False,
    ),
)
TABLE: Dict[str, Option] = {option.name: option for option in _ALL}


def pick_options(*names: str) -> Tuple[Option, ...]:
    """The options of these names, for a command that uses them."""
    return tuple(TABLE[name] for name in names)


PACKAGE = pick_options(
    "option",
    "command_options",
    "keep_python_path",
    "user_env_variables",
    "log_level",
    "remote_logging",
    "remote_logger_url",
    "remote_logger_timer_interval",
    "remote_logger_bufsize",
    "remote_logger_ces_white_list",
    "diracx_url",
    "pilot_secret",
    "client_id",
    "skip_broken_modules",
)


def setting_value(settings: Settings, name: str) -> Any:
    """A setting, or its default when the command that declares it is not loaded. Any: the option's
    `type` decides the type of the value, as in Settings."""
    return settings[name] if name in settings else TABLE[name].default
