"""Systems that host a pilot and expect reports from it.

To add one, write a module with `find_host(environ, settings)` and add its name to HOSTS.
"""

import importlib
import os
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Tuple

from pilot.node.batch.detect import SLOT
from pilot.values import Option

if TYPE_CHECKING:
    from pilot.base.setting_values import SettingValues
    from pilot.hosts.host import Host

OPTIONS: Tuple[Option, ...] = (
    Option("boinc_fraction_file", "for BOINC's wrapper: the file to tell the fraction done in"),
    Option("boinc_checkpoint_file", "for BOINC's wrapper: the file to touch when tasks have ended"),
    Option("boinc_heartbeat_file", "for vboxwrapper: the file to touch each second"),
    Option(
        "boinc_completion_file",
        "for vboxwrapper: the file that ends the machine: exit code, notice, message",
    ),
    Option(
        "boinc_temporary_exit_file",
        "for vboxwrapper: the file that postpones the task: delay, notice, message",
    ),
)
At = Callable[[Dict[str, str], "SettingValues"], bool]


def _names_files(settings: "SettingValues") -> bool:
    return any(settings[option.name] for option in OPTIONS)


# module -> a test whether its host is present; the module is loaded only if so
HOSTS: Tuple[Tuple[str, At], ...] = (
    ("vac", lambda environ, settings: bool(environ.get("JOBOUTPUTS"))),
    ("boinc.guest", lambda environ, settings: os.path.exists(SLOT) or _names_files(settings)),
)


def find_hosts(environ: Dict[str, str], settings: "SettingValues") -> "List[Host]":
    """The hosts of this pilot, not started."""
    hosts = [_load_host(name, environ, settings) for name, at in HOSTS if at(environ, settings)]
    return [host for host in hosts if host is not None]


def _load_host(name: str, environ: Dict[str, str], settings: "SettingValues") -> "Optional[Host]":
    try:
        module = importlib.import_module("pilot.hosts." + name)
    except ImportError as error:
        if not (error.name or "").startswith("pilot.hosts."):
            raise
        from pilot.hosts.host import MissingHost

        return MissingHost(_names_files(settings))
    host: "Optional[Host]" = module.find_host(environ, settings)
    return host
