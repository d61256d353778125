"""A token as the picas client makes it, and one that a pilot claimed."""

from tests.conftest import extension

transitions = extension("pilot_picas.transitions")

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


def lock_for_p1(**environ):
    return transitions.lock_token(TOKEN, "p1", 300, 1000.0, "wn1", environ, "r1")
