"""The verbs of a command line."""

from pilot.ops.pool.verbs import VerbTable
from pilot.ops.tool import ToolParser


def test_a_verb_knows_its_function_and_a_pool_verb_its_pool():
    top = ToolParser(prog="x")
    verbs = VerbTable(top)
    verbs.add_verb("plain", lambda given: 1, "does something")
    verbs.add_pool_verb("fill", lambda given: 2, "does something to a pool")
    assert top.parse_args(["plain"]).function(None) == 1
    given = top.parse_args(["fill", "sqlite:x"])
    assert (given.verb, given.pool, given.function(None)) == ("fill", "sqlite:x", 2)
