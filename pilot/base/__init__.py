"""What knows nothing of pilots: processes, signals, files, URLs, credentials, logs; everything else
builds on it."""
