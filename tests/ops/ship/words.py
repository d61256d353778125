"""What the tests ask of a world: a slot, and words that are hard to quote."""

SLOT = ("--cores", "2", "--memory", "2G", "--walltime", "2h")
WORDS = ("--", "-X", "CheckWorkerNode", "--site", 'it\'s "odd" $HOME %h')
