"""Numbers and words that several parts agree on, in a module that costs nothing to import."""

LEASE_S = 300.0
# stopping: a pilot has ended so soon after a signal; an agent has most of that, its payloads the
# usual grace between SIGTERM and SIGKILL, and the last report of their ends what is left
STOP_WITHIN_S = 5.0
AGENT_STOP_S = STOP_WITHIN_S - 0.5
GRACE_S = 2.0
STOP_REPORT_S = 1.0
FOREVER_S = 30 * 86400.0
MAX_ATTEMPTS = 3
MAX_RELEASES = 5
DRAIN_FILES = ("/var/lib/dirac_drain",)
SPOT_CLOUDS = ("none", "ec2", "gce", "azure")  # whose notices are understood
ISOLATION_WAYS = ("none", "auto", "bubblewrap", "unshare", "apptainer")
