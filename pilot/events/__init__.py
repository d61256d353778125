"""The event stream: every pilot reports what it does as events, one JSON object each."""
