"""Programs that are run: bounded, ended with all they started, and told."""

import os
import signal
import threading

import pytest

from pilot.base import process, process_tree
from pilot.errors import TimeLimit
from pilot.base.interrupts import Interrupts
from tests.conftest import steady, until


def bash(text, **how):
    how.setdefault("timeout_s", 20)
    return process.run(["bash", "-c", text], **how)


def test_both_streams_and_the_code_come_back():
    result = bash("echo out; echo err >&2; exit 3", ok=None)
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)


def test_output_after_a_stream_was_closed_early_is_not_lost():
    assert bash("exec 2>&-; sleep 0.2; echo hello").stdout == "hello\n"


def test_a_flood_after_a_stream_was_closed_does_not_deadlock():
    result = bash("exec 2>&-; head -c 300000 /dev/zero | tr '\\0' x")
    assert len(result.stdout) == 300000


def test_a_grandchild_that_holds_the_pipe_blocks_nothing_and_is_ended(tmp_path):
    began = steady()
    result = bash("sleep 300 & echo $! > %s/pid; echo done" % tmp_path)
    assert result.stdout == "done\n"
    assert steady() - began < 10
    pid = int((tmp_path / "pid").read_text())
    until(
        lambda: (process_tree.look_up(pid) or process_tree.Process(0, 0, 0, "Z", 0, 0, 0)).state
        == "Z",
        what="the grandchild's end",
    )


@pytest.mark.parametrize("redirect", ["", ">&2"])
def test_more_than_a_pipe_holds_on_either_stream(redirect):
    result = bash("head -c 1000000 /dev/zero | tr '\\0' y %s" % redirect)
    assert len(result.stdout) + len(result.stderr) == 1000000


def test_a_flood_on_both_streams_at_once():
    result = bash(
        "(head -c 500000 /dev/zero | tr '\\0' a) &"
        " (head -c 500000 /dev/zero | tr '\\0' b >&2) & wait"
    )
    assert result.stdout == "a" * 500000
    assert result.stderr == "b" * 500000


def test_memory_is_bounded_and_what_was_dropped_is_counted():
    result = bash("head -c 5000000 /dev/zero | tr '\\0' z; echo end", keep=1000)
    assert len(result.stdout) == 1000
    assert result.stdout.endswith("end\n")
    assert result.dropped_bytes == 5000004 - 1000


def test_split_utf8_is_put_together_and_broken_utf8_replaced():
    assert bash("printf '\\xc3'; sleep 0.1; printf '\\xa9\\n'").stdout == "\u00e9\n"
    assert bash("printf 'a\\xffb'").stdout == "a\ufffdb"


def test_lines_are_told_as_they_come_also_the_last_without_a_newline():
    lines = []
    bash("printf 'one\\ntwo \\xc3\\xa9\\nthree'", on_line=lines.append)
    assert lines == ["one", "two \u00e9", "three"]


def test_a_line_without_end_does_not_fill_the_memory():
    lines = []
    bash("head -c 200000 /dev/zero | tr '\\0' q", on_line=lines.append)
    assert sum(map(len, lines)) == 200000
    assert len(lines) > 1


def test_a_hanging_child_is_ended_with_all_it_started(tmp_path):
    text = (
        "trap '' TERM; echo before; setsid sleep 300 & echo $! > %s/pid; while :; do sleep 1; done"
        % tmp_path
    )
    with pytest.raises(process.ProgramFailed) as caught:
        bash(text, timeout_s=0.5, grace_s=0.3)
    assert caught.value.result.timed_out
    assert caught.value.result.stdout == "before\n"
    assert "without an end" in str(caught.value)
    assert "before" in str(caught.value)
    pid = int((tmp_path / "pid").read_text())
    until(
        lambda: (process_tree.look_up(pid) or process_tree.Process(0, 0, 0, "Z", 0, 0, 0)).state
        == "Z",
        what="the escapee's end",
    )


def test_a_child_may_end_well_within_the_grace():
    result = bash(
        "trap 'echo bye; exit 0' TERM; echo go; while :; do sleep 0.05; done",
        timeout_s=0.5,
        grace_s=5,
        ok=None,
    )
    assert result.timed_out
    assert result.stdout == "go\nbye\n"
    assert result.exit_code == 0


def test_a_program_that_is_not_there_is_a_result_like_others():
    result = process.run(["no-such-program"], timeout_s=5, ok=None)
    assert result.exit_code == process.NOT_FOUND
    assert "cannot be started" in result.describe_end()
    with pytest.raises(process.ProgramFailed, match="no-such-program"):
        process.run(["no-such-program"], timeout_s=5)


def test_an_unexpected_code_raises_with_the_last_words():
    with pytest.raises(process.ProgramFailed, match="bash ended with 4: sorry"):
        bash("echo sorry >&2; exit 4")
    assert bash("exit 4", ok=(0, 4)).exit_code == 4


def test_a_shell_string_is_refused():
    with pytest.raises(TypeError, match="bash"):
        process.run("echo hello", timeout_s=1)


def test_death_by_signal_is_told():
    assert "killed by signal 9" in bash("kill -9 $$", ok=None).describe_end()


def test_input_is_given_also_to_a_child_that_does_not_read_it():
    assert process.run(["cat"], timeout_s=20, stdin=b"x" * 300000).stdout == "x" * 300000
    assert process.run(["true"], timeout_s=20, stdin=b"x" * 300000).exit_code == 0


def test_a_command_limit_that_passes_through_ends_the_child(tmp_path):
    with pytest.raises(TimeLimit):
        with Interrupts().armed(0.4):
            process.run(
                ["bash", "-c", "echo $$ > %s/pid; exec sleep 300" % tmp_path],
                timeout_s=60,
                grace_s=0.2,
            )
    with pytest.raises(OSError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_children_may_be_run_from_several_threads():
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(bash("echo %d" % n).stdout))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["%d\n" % n for n in range(8)]


def test_no_descriptor_is_left_behind():
    bash("true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        bash("true")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_group_that_is_gone_is_no_error():
    child = process.spawn(["true"])
    child.wait()
    assert process_tree.send_group(child.pid, signal.SIGTERM) is False


def test_a_child_that_cannot_be_killed_is_left_in_a_few_seconds(monkeypatch):
    """As one in D state, below a mount that hangs."""
    pids = []
    monkeypatch.setattr(process_tree, "send_group", lambda *words: True)
    monkeypatch.setattr(process_tree, "send", lambda *words: 1)
    began = steady()
    result = process.run(["sleep", "30"], timeout_s=0.2, grace_s=0.2, ok=None, on_start=pids.append)
    assert steady() - began < 6
    assert process_tree.look_up(pids[0]).state == "S"
    assert result.timed_out
    assert result.exit_code == -signal.SIGKILL
    assert "without an end" in result.describe_end()
    os.kill(pids[0], signal.SIGKILL)
    until(lambda: process_tree.look_up(pids[0]) is None, what="the end of the sleep")
