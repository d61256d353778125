"""The clock of leases: it also runs while the machine is suspended, unlike the one that durations
are measured with."""

import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", 7)  # clock_gettime(2); Python 3.6 has no name for it


def boot_s() -> float:
    """Seconds since the machine was started, suspension included; where there is no such clock, the
    monotonic one."""
    try:
        return time.clock_gettime(_BOOTTIME)
    except (OSError, AttributeError):
        return time.monotonic()
