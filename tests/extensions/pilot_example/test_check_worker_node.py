"""The example's rule beside those of the toolbox."""

import os


def test_the_override_adds_a_rule_to_the_toolboxs(pilot):
    ended = pilot("-E", "example", "-X", "CheckWorkerNode,SayHello")
    assert ended.code == 0
    assert "Hello, %s!" % os.uname().nodename in ended.err
    ended = pilot("-E", "example", "-X", "CheckWorkerNode", "--banned-host", os.uname().nodename)
    assert ended.code == 10
    assert "is banned" in ended.out
