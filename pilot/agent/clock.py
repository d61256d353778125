"""The clock of leases. Unlike the monotonic clock, it also counts while the machine is
suspended."""

import time

# clock_gettime(2); Python has no name for it before 3.7
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", 7)


def boot_s() -> float:
    """Seconds since the machine started, suspension included; the monotonic clock where the system
    has no such clock."""
    try:
        return time.clock_gettime(_BOOTTIME)
    except (OSError, AttributeError):
        return time.monotonic()
