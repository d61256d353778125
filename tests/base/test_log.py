import logging
import os
import subprocess
import sys

from pilot.base import log
from tests.conftest import ROOT


def test_secrets_are_masked_by_value_in_every_line_and_value():
    masker = log.Masker()
    masker.add("hunter22")
    masker.add("abc")  # too short to mask without masking half of everything
    assert masker.mask_text("a hunter22 abc") == "a ******** abc"
    assert masker.mask_fields({"k hunter22": ["hunter22", 1, None]}) == {
        "k ********": ["********", 1, None]
    }


def test_a_longer_secret_is_masked_before_a_part_of_it():
    masker = log.Masker()
    masker.add("secret")
    masker.add("secretlong")
    assert masker.mask_text("secretlong") == "********"


def test_every_line_of_a_message_has_a_header_and_odd_characters_do_no_harm(tmp_path):
    path = tmp_path / "log"
    descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT)
    masker = log.Masker()
    masker.add("hunter22")
    handler = log.LineHandler(descriptor, masker)
    handler.emit(
        logging.LogRecord(
            "pilot.Install", logging.INFO, "f", 1, "one %s\ntwo \udcff hunter22", ("\u00e9",), None
        )
    )
    os.close(descriptor)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and all(" INFO    Install: " in line for line in lines)
    assert lines[0].endswith("one \u00e9") and lines[1].endswith("two \\udcff ********")


def test_a_full_or_closed_stream_is_passed_over():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    record = logging.LogRecord("pilot", logging.INFO, "f", 1, "x", (), None)
    log.LineHandler(descriptor, log.Masker()).emit(record)
    os.close(descriptor)
    log.LineHandler(descriptor, log.Masker()).emit(record)


def test_time_is_utc_with_milliseconds():
    assert log.utc(0.25) == "1970-01-01T00:00:00.250Z"


def test_missing_descriptors_are_opened_so_that_no_file_becomes_stdout():
    code = (
        "import os, sys; sys.path.insert(0, %r)\nfrom pilot.base import log\nlog.safe_streams()\n"
        "f = os.open('/dev/null', os.O_RDONLY)\nlog.say('x')\nsys.exit(f)" % str(ROOT)
    )
    done = subprocess.run(["sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code])
    assert done.returncode >= 3


def test_what_steers_a_terminal_is_shown_instead(tmp_path, pilot, tasks_file):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc\u2066\rover\x7f\x00"
    shown = log.printable(evil + "\ttab\nline äöü 日本")
    assert shown.endswith("\ttab\nline äöü 日本") and not any(
        letter in shown for letter in evil if letter not in "]0;owned[2J31mabcover"
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        tasks_file({"id": "a", "script": "printf 'a\\033[2Jb\\rc' >&2; exit 1", "max_attempts": 1}),
    )
    said = ended.out + ended.err + (ended.workdir / "pilot.log").read_text()
    assert "\x1b" not in said and "\\x1b[2Jb" in said


def test_what_a_pilot_writes_is_its_users_alone(tmp_path, pilot, tasks_file):
    for words, others in (((), 0), (("--open-files",), 0o044)):
        place = tmp_path / ("w%d" % others)
        former = os.umask(0o077)  # as some sites have it
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            tasks_file({"id": "a", "command": ["true"]}),
            *words,
            workdir=place,
        )
        os.umask(former)
        assert ended.code == 0, ended.err
        for name in ("pilot.log", "pilot-events.jsonl", "pilot-report.json"):
            assert (place / name).stat().st_mode & 0o077 == others, name
        if os.geteuid() != 0:  # nobody's payloads go through root's
            assert place.stat().st_mode & 0o077 == (0o055 if others else 0)
        pool = next(place.glob("pilot-*/pool.sqlite"))
        assert pool.stat().st_mode & 0o077 == 0


def test_secrets_in_the_query_of_a_url_are_secrets():
    text = "archive:https://h/x.tgz?token=hunter22&b=1 https://u:hunter33@h/ https://h/?a=1&X-Amz-Signature=hunter44#x https://h/?sig=hunter55 https://h/?tokens=public"
    assert sorted(log.passwords(text)) == ["hunter22", "hunter33", "hunter44", "hunter55"]
