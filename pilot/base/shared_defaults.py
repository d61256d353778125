"""Numbers and words that several parts agree on, in a module that costs nothing to import."""

LEASE_S = 300.0
FOREVER_S = 30 * 86400.0
MAX_ATTEMPTS = 3
MAX_RELEASES = 5
DRAIN_FILES = ("/var/lib/dirac_drain",)
SPOT_CLOUDS = ("none", "ec2", "gce", "azure")  # whose notices are understood
ISOLATION_WAYS = ("none", "auto", "bubblewrap", "unshare", "apptainer")
