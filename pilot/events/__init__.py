"""The message stream: every pilot tells its story as events, one JSON object each."""
