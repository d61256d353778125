"""As whom payloads run: as the pilot, or, where that is root, as a user of their own."""

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
    sentence when that cannot be.

    Only root can choose. Without a wish it is nobody, if that user can reach `folder`, where
    payloads work.
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
                "--payload-user %s: this root may not become another user (a user namespace, capabilities)"
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
    """Whether files can be given to that user, and a process be it."""
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
    """The first folder on the way that others may not enter; "" when there is none."""
    here, found = os.path.realpath(folder), ""
    while here != "/":
        try:
            if not os.stat(here).st_mode & 0o001:
                found = here
        except OSError:
            pass
        here = os.path.dirname(here)
    return found


def ids_of(name: str) -> List[int]:
    """uid, gid and further groups of a user; empty for the pilot's own. Found once: it takes files
    that may be lacking later."""
    if not name:
        return []
    user = pwd.getpwnam(name)
    return [user.pw_uid, user.pw_gid] + [
        gid for gid in os.getgrouplist(name, user.pw_gid) if gid != user.pw_gid
    ]


def user_environ(name: str, home: str) -> Dict[str, str]:
    """What such a payload's environment says of itself."""
    return {"HOME": home, "USER": name, "LOGNAME": name} if name else {}


def start_options(config: AgentConfig) -> Dict[str, object]:
    """What Popen is told for a payload: its user, and deafness to the pilot's own warnings where
    they reach it."""
    ids = config.payload_ids
    # no Python between fork and exec: quicker
    if ids and not config.drains_reach_payloads and sys.version_info >= (3, 9):
        return {"user": ids[0], "group": ids[1], "extra_groups": ids[1:]}
    return {"preexec_fn": _before_exec(config, ids)} if ids or config.drains_reach_payloads else {}


def _before_exec(config: AgentConfig, ids: Sequence[int]) -> Callable[[], None]:

    def prepare() -> None:
        # some batch systems send the warnings that are the pilot's to every process of a job
        if config.drains_reach_payloads:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        if ids:
            os.setgroups(ids[1:])
            os.setgid(ids[1])
            os.setuid(ids[0])

    return prepare
