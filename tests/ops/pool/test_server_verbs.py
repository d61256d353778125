"""Verbs about a pool server."""

from pilot.ops.pool.__main__ import main


def test_a_server_without_tokens_has_none_to_take_back(within, capsys):
    code = main(["withdraw", within.url, "p1"])
    assert (code, "runs without tokens" in capsys.readouterr().err) == (2, True)
