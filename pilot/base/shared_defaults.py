"""Constants that several packages share, in a module that is fast to import."""

LEASE_S = 300.0
# after a signal a pilot exits within STOP_WITHIN_S. Its agent gets most of that time, its payloads
# the usual grace between SIGTERM and SIGKILL, and the last report of their end the remaining time
STOP_WITHIN_S = 5.0
AGENT_STOP_S = STOP_WITHIN_S - 0.5
GRACE_S = 2.0
STOP_REPORT_S = 1.0
FOREVER_S = 30 * 86400.0
MAX_ATTEMPTS = 3
MAX_RELEASES = 5
DRAIN_FILES = ("/var/lib/dirac_drain",)
SPOT_CLOUDS = ("none", "ec2", "gce", "azure")  # the clouds whose notices the pilot can read
ISOLATION_WAYS = ("none", "auto", "bubblewrap", "unshare", "apptainer")
