"""A token as the picas client makes it."""

TOKEN = {
    "_id": "t1",
    "_rev": "1-a",
    "type": "token",
    "lock": 0,
    "done": 0,
    "hostname": "",
    "scrub_count": 0,
    "input": "echo hi",
    "exit_code": "",
    "output": {},
    "uploads": {},
    "error": [],
    "mine": {"kept": True},
}
