"""The lowest layer: processes, signals, files, URLs, credentials, logs. It does not depend on the
rest of the pilot; all other packages use it."""
