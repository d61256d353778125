"""The user that payloads run as: the pilot's user, or, where that is root, another user."""

import os
import pwd
import signal
import sys
import tempfile
from typing import Callable, Dict, List, Optional, Sequence

from pilot.agent.config import AgentConfig
from pilot.base.fork import start_check

NOBODY, ROOT = "nobody", "root"


def choose_user(asked: Optional[str], folder: str) -> str:
    """The user that payloads of this pilot run as; "" for the pilot's own. ValueError with a
    sentence when the pilot cannot use that user.

    Only root can choose. Without --payload-user it is nobody, if that user can reach `folder`,
    where payloads work.
    """
    if os.geteuid() != 0 or asked == ROOT:
        if asked and asked != ROOT and os.geteuid() != 0:
            raise ValueError("--payload-user %s: only a pilot that runs as root can choose" % asked)
        return ""
    name = asked or NOBODY
    try:
        pwd.getpwnam(name)
    except KeyError:
        if asked:
            raise ValueError("--payload-user %s: there is no such user here" % asked)
        return ""
    barrier = _find_barrier(folder)
    if not barrier and not _can_become(name, folder):
        if asked:
            raise ValueError(
                "--payload-user %s: this root user may not become another user (a user namespace, capabilities)"
                % asked
            )
        return ""
    if barrier and asked:
        raise ValueError(
            "--payload-user %s: cannot reach %s, as others may not enter %s"
            % (name, folder, barrier)
        )
    return "" if barrier else name


def _can_become(name: str, folder: str) -> bool:
    """Whether the pilot can give files to that user and start processes as that user."""
    ids = ids_of(name)
    probe = tempfile.mkdtemp(dir=folder)

    def become() -> bool:
        os.chown(probe, ids[0], ids[1])
        os.setgroups(ids[1:])
        os.setgid(ids[1])
        os.setuid(ids[0])
        return True

    try:
        return start_check(become)()
    finally:
        os.rmdir(probe)


def _find_barrier(folder: str) -> str:
    """The first folder of the path that other users may not enter; "" when they may enter all."""
    here, closed = os.path.realpath(folder), ""
    while here != "/":
        try:
            if not os.stat(here).st_mode & 0o001:
                closed = here
        except OSError:
            pass
        here = os.path.dirname(here)
    return closed


def ids_of(name: str) -> List[int]:
    """uid, gid and further groups of a user; empty for the pilot's own. Looked up only once: the
    look-up opens files, and descriptors may be used up later."""
    if not name:
        return []
    user = pwd.getpwnam(name)
    return [user.pw_uid, user.pw_gid] + [
        gid for gid in os.getgrouplist(name, user.pw_gid) if gid != user.pw_gid
    ]


def user_environ(name: str, home: str) -> Dict[str, str]:
    """The variables that name the user in the payload's environment."""
    return {"HOME": home, "USER": name, "LOGNAME": name} if name else {}


def start_options(config: AgentConfig) -> Dict[str, object]:
    """Arguments of Popen for a payload: its user, and which signals it ignores because the batch
    system sends the pilot's warnings to it too."""
    ids = config.payload_ids
    # no Python code between fork and exec: it would be slower
    if ids and not config.drains_reach_payloads and sys.version_info >= (3, 9):
        return {"user": ids[0], "group": ids[1], "extra_groups": ids[1:]}
    return {"preexec_fn": _before_exec(config, ids)} if ids or config.drains_reach_payloads else {}


def _before_exec(config: AgentConfig, ids: Sequence[int]) -> Callable[[], None]:

    def prepare() -> None:
        # some batch systems send the pilot's warnings to every process of a job
        if config.drains_reach_payloads:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        if ids:
            os.setgroups(ids[1:])
            os.setgid(ids[1])
            os.setuid(ids[0])

    return prepare
