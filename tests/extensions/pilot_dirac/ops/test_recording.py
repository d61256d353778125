"""What one pilot did."""

from tests.conftest import extension

recording = extension("pilot_dirac.ops.recording")
PILOT = """
import os, subprocess, sys
script = sys.argv[sys.argv.index("--preinstalledEnv") + 1]
os.environ["SEEN"] = os.getcwd()
os.environ.pop("GONE")
subprocess.call(["bash", "-c", '. "$0"; exec "$@"', script, "dirac-version", os.environ["PLACE"]])
with open("pilot.cfg", "w") as stream:
    stream.write("A\\n{\\n  Tag = y, x\\n  B = 1,2\\n}\\n")
print("the end")
sys.exit(3)
"""


def record(tmp_path, **more):
    (tmp_path / "p.py").write_text(PILOT)
    site = recording.Site(dict({"GONE": "1", "PLACE": "{client}/x", "PATH": "/usr/bin:/bin"}, **more))
    return recording.record_pilot(str(tmp_path / "p.py"), [], str(tmp_path / "run"), site)


def test_a_call_has_words_place_and_the_variables_that_changed(tmp_path):
    (call,) = record(tmp_path).calls
    assert (call.program, call.words, call.folder) == ("dirac-version", ["CLIENT/x"], "WORK")
    assert (call.environ["SEEN"], call.environ["GONE"]) == ("WORK", "")
    assert call.environ["PATH"] == "CLIENT/bin:/usr/bin:/bin"


def test_pilot_cfg_is_read_and_sets_have_an_order(tmp_path):
    assert record(tmp_path).options == {"/A/Tag": "x, y", "/A/B": "1, 2"}


def test_the_end_and_what_is_left(tmp_path):
    one = record(tmp_path)
    assert (one.exit_code, one.last_line, one.files) == (3, "the end", ["pilot.cfg"])


def test_facts_keep_all_but_the_pilots_sentence(tmp_path):
    one = record(tmp_path)
    assert recording.from_facts(recording.as_facts(one)) == one._replace(last_line="")
