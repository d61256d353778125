"""From the command line to the report: settings, plan, the run of its commands, and the file that
we are."""
