"""The single file: the same bytes from every Python, and a pilot on every Python."""

import glob
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT


def interpreters():
    """Every CPython 3.6 or newer that can be found, by version: on PATH, and beside a version manager's others."""
    found = {}
    names = [os.path.join(folder, "python3.%d" % minor) for folder in os.environ.get("PATH", "").split(os.pathsep) for minor in range(6, 16)]
    names += glob.glob(os.path.expanduser("~%s/.pyenv/versions/3.*/bin/python3" % os.environ.get("USER", "root")))
    names += glob.glob("/opt/python3.*/bin/python3")
    for path in [sys.executable] + names:
        if os.access(path, os.X_OK):
            code = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"  # not a version manager's shim
            done = subprocess.run([path, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            version, _, real = done.stdout.decode().strip().partition(" ")
            if done.returncode == 0 and version:
                found.setdefault(version, real)
    return found


PYTHONS = interpreters()
PYTHON2 = next((path for path in glob.glob("/root/.pyenv/versions/2.7*/bin/python") + [shutil.which("python2.7") or ""] if path and subprocess.call(
    [path, "-c", ""], stderr=subprocess.DEVNULL) == 0), None)


def build(python, output, *words):
    done = subprocess.run([python, "-m", "pilot.bundle", "-o", str(output)] + list(words), cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Both forms, with the example extension and defaults built in; ops.* are the operators' own."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "defaults.json").write_text(json.dumps({"Defaults": {"extensions": ["example"], "greeting": "Built-in hello", "cpu_cache": "off"}}))
    words = ("--extension", "extensions/pilot_example", "--defaults", str(folder / "defaults.json"))
    for name, more in (("pilot.pyz", ()), ("pilot.py", ("--text",)), ("ops.pyz", ("--with-ops",)), ("ops.py", ("--text", "--with-ops"))):
        build(sys.executable, folder / name, *(words + more))
    return folder


@pytest.mark.parametrize("text", [(), ("--text",), ("--text", "--lean")], ids=["zip", "text", "lean"])
def test_every_python_makes_the_same_bytes(tmp_path, text):
    made = {}
    for version, python in PYTHONS.items():
        build(python, tmp_path / version, *text)
        made[version] = (tmp_path / version).read_bytes()
    assert len(set(made.values())) == 1, {version: len(data) for version, data in made.items()}


def test_size_and_checksum_are_told(tmp_path):
    import hashlib
    told = build(sys.executable, tmp_path / "p.pyz")
    data = (tmp_path / "p.pyz").read_bytes()
    assert "%d bytes" % len(data) in told and hashlib.sha256(data).hexdigest() in told


@pytest.mark.parametrize("form", ["pilot.pyz", "pilot.py"])
@pytest.mark.parametrize("version", sorted(PYTHONS, key=lambda v: int(v.split(".")[1])))
def test_it_runs_on_every_python_with_nothing_beside_it(made, tmp_path, form, version):
    shutil.copy(str(made / form), str(tmp_path / "job"))
    (tmp_path / "random.py").write_text("raise RuntimeError('a file of the sandbox hid the standard library')\n")
    shutil.copy(str(ROOT / "examples" / "words.txt"), str(tmp_path))
    shutil.copy(str(ROOT / "examples" / "tasks.jsonl"), str(tmp_path))
    done = subprocess.run([PYTHONS[version], "job", "-X", "CheckWorkerNode,SayHello,LaunchAgent", "--tasks", "tasks.jsonl"], cwd=str(tmp_path),
                          env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    assert "Built-in hello" in done.stderr.decode()
    assert json.loads((tmp_path / "pilot-report.json").read_text())["tasks"]["done"] == 5


def test_the_text_form_may_come_through_a_pipe(made, tmp_path):
    with open(str(made / "pilot.py"), "rb") as script:
        done = subprocess.run([sys.executable, "-", "-X", "CheckWorkerNode,LaunchAgent", "--tasks", str(ROOT / "examples" / "tasks.jsonl")],
                              stdin=script, cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads((tmp_path / "pilot-report.json").read_text())["tasks"]["done"] == 5


def test_the_text_form_is_plain_ascii_of_short_lines(made):
    text = (made / "pilot.py").read_bytes()
    assert max(text) < 128
    assert max(map(len, text.splitlines())) < 160
    assert b"\r" not in text


def test_built_in_extensions_stay_whatever_is_asked_for(made, tmp_path):
    (tmp_path / "pilot_more").mkdir()
    (tmp_path / "pilot_more" / "__init__.py").write_text("COMMANDS = ()\n")
    done = subprocess.run([sys.executable, str(made / "pilot.pyz"), "-E", "more", "--list"], cwd=str(tmp_path), stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"SayHello" in done.stdout


@pytest.mark.parametrize("form", ["ops.pyz", "ops.py"])
def test_it_unpacks_itself_into_a_checkout_that_runs_and_bundles_again(made, tmp_path, form):
    subprocess.check_call([sys.executable, str(made / form), "--explode", str(tmp_path / "x")], stdout=subprocess.DEVNULL)
    assert (tmp_path / "x" / "extensions" / "pilot_example" / "say_hello.py").exists()
    done = subprocess.run([sys.executable, str(tmp_path / "x" / "pilot.py"), "-X", "CheckWorkerNode,SayHello"], cwd=str(tmp_path),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    for name in ("zip", "again"):
        source = str(made / form) if name == "zip" else str(tmp_path / "x" / "pilot.py")
        more = [] if name == "zip" else ["--extension", str(tmp_path / "x" / "extensions" / "pilot_example")]
        subprocess.check_call([sys.executable, source, "-m", "pilot.bundle", "-o", str(tmp_path / name)] + more, stdout=subprocess.DEVNULL)
        assert (tmp_path / name).read_bytes() == (made / "pilot.pyz").read_bytes()


def test_the_operators_file_carries_their_tools(made, tmp_path):
    url = "sqlite:%s/p" % tmp_path
    pool = [sys.executable, str(made / "ops.pyz"), "-m", "pilot.pool"]
    subprocess.check_call(pool + ["add", url, str(ROOT / "examples" / "tasks.jsonl")], stdout=subprocess.DEVNULL)
    assert json.loads(subprocess.check_output(pool + ["status", url, "--json"]).decode())["todo"] == 5
    done = subprocess.run([sys.executable, str(made / "pilot.pyz"), "-m", "os"], stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"-m takes one of" in done.stderr


@pytest.mark.parametrize("form", ["pilot.pyz", "pilot.py"])
def test_the_file_for_nodes_carries_nothing_that_no_node_runs(made, tmp_path, form):
    for tool in ("pilot.pool", "pilot.bundle", "pilot.ship", "pilot.manual"):
        done = subprocess.run([sys.executable, str(made / form), "-m", tool], stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert "this file has no %s" % tool in done.stderr.decode()
        assert b"--with-ops" in done.stderr
    subprocess.check_call([sys.executable, str(made / form), "--explode", str(tmp_path / "x")], stdout=subprocess.DEVNULL)
    assert not (tmp_path / "x" / "pilot" / "ops").exists()
    done = subprocess.run([sys.executable, str(tmp_path / "x" / "pilot.py"), "-X", "CheckWorkerNode,SayHello"], cwd=str(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


def test_it_may_vanish_once_the_pilot_runs(made, tmp_path):
    shutil.copy(str(made / "pilot.pyz"), str(tmp_path / "p.pyz"))
    (tmp_path / "probe").write_text("#!/bin/sh\nrm %s/p.pyz\n" % tmp_path)
    done = subprocess.run([sys.executable, "p.pyz", "-X", "RunProbes,CheckWorkerNode,Install,Configure", "--probes", "probe"], cwd=str(tmp_path),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0 and not (tmp_path / "p.pyz").exists(), done.stderr


def test_the_packed_form_checks_its_extensions_too(made, tmp_path):
    done = subprocess.run([sys.executable, str(made / "ops.pyz"), "-m", "pilot.bundle", "-o", str(tmp_path / "p"), "--extension", "/etc"], stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"is no package named pilot_*" in done.stderr


def test_a_usual_zip_tool_reads_it(made):
    with zipfile.ZipFile(str(made / "pilot.pyz")) as archive:
        assert archive.testzip() is None
        assert {"__main__.py", "pilot/engine/cli.py", "commands/install.py", "pilot_example/__init__.py", "pilot/", "commands/"} <= set(archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_compressed_copy_runs_too(made, tmp_path):
    with zipfile.ZipFile(str(made / "pilot.pyz")) as old, zipfile.ZipFile(str(tmp_path / "small.pyz"), "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    done = subprocess.run([sys.executable, str(tmp_path / "small.pyz"), "-X", "CheckWorkerNode"], cwd=str(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words, told", [(("--extension", "examples"), "is no package named pilot_*"), (("--defaults", "README.md"), "not JSON")])
def test_a_bundle_that_cannot_be_made_is_told(tmp_path, words, told):
    done = subprocess.run([sys.executable, "-m", "pilot.bundle", "-o", str(tmp_path / "p")] + list(words), cwd=str(ROOT), stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_never_replaced(tmp_path, make):
    make(str(tmp_path / "p"))
    kind = os.stat(str(tmp_path / "p")).st_mode
    done = subprocess.run([sys.executable, "-m", "pilot.bundle", "-o", str(tmp_path / "p")], cwd=str(ROOT), stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"not a regular file" in done.stderr
    assert os.stat(str(tmp_path / "p")).st_mode == kind
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "there")
    build(sys.executable, tmp_path / "link", "--text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_bytes().startswith(b"#!")


@pytest.mark.parametrize("more", [[], ["--text"]])
def test_an_extensions_folder_for_operators_does_not_travel(tmp_path, more):
    package = tmp_path / "pilot_own"
    (package / "ops").mkdir(parents=True)
    (package / "__init__.py").write_text("COMMANDS = ()\n")
    (package / "ops" / "__init__.py").write_text("")
    words = [sys.executable, "-m", "pilot.bundle", "--extension", str(package), "-o", str(tmp_path / "p")]
    subprocess.check_call(words + more, cwd=str(ROOT), stdout=subprocess.DEVNULL)
    unpacked = [sys.executable, str(tmp_path / "p"), "--explode", str(tmp_path / "out")]
    subprocess.check_call(unpacked, stdout=subprocess.DEVNULL)
    assert [path.name for path in (tmp_path / "out").glob("extensions/pilot_own/*")] == ["__init__.py"]


def test_a_lean_bundle_of_what_is_no_python_is_told(tmp_path):
    (tmp_path / "pilot_bad").mkdir()
    (tmp_path / "pilot_bad" / "__init__.py").write_text("COMMANDS = (\n")
    done = subprocess.run([sys.executable, "-m", "pilot.bundle", "--text", "--lean", "--extension", str(tmp_path / "pilot_bad"), "-o", str(tmp_path / "p")],
                          cwd=str(ROOT), stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"pilot_bad/__init__.py: is no Python" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here")
@pytest.mark.parametrize("form", ["pilot.pyz", "pilot.py", "checkout", "pipe"])
def test_an_old_python_looks_for_a_newer_one(made, tmp_path, form):
    environ = {"PATH": os.path.dirname(sys.executable) + ":/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    script = {"checkout": str(ROOT / "pilot.py"), "pipe": "-"}.get(form, str(made / form))
    with open(str(made / "pilot.py"), "rb") as text:
        done = subprocess.run([PYTHON2, script, "-X", "CheckWorkerNode"], cwd=str(tmp_path), env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=text if form == "pipe" else subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert b"Exit code 0" in done.stdout
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["pilot-events.jsonl", "pilot-report.json", "pilot.log"]


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here")
def test_where_there_is_no_newer_python_one_sentence_says_so(made, tmp_path):
    text = (made / "pilot.py").read_text().replace('"/usr/', '"/nowhere/')
    (tmp_path / "p.py").write_text(text)
    done = subprocess.run([PYTHON2, str(tmp_path / "p.py")], env={"PATH": str(tmp_path)}, stderr=subprocess.PIPE, cwd=str(tmp_path))
    assert done.returncode == 10
    assert len(done.stderr.splitlines()) == 1
    assert b"3.6 or newer is needed" in done.stderr


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here")
@pytest.mark.parametrize("place", ["/usr/libexec/platform-python", "/cvmfs/sft.cern.ch/lcg/releases/Python/current/x86_64-el9-gcc13-opt/bin/python3"])
def test_a_newer_python_is_found_outside_of_path(made, tmp_path, place):
    """As platform-python and in CVMFS; here that place is a folder of ours."""
    text = (made / "pilot.py").read_text()
    assert '"%s"' % place in text
    (tmp_path / "python-elsewhere").symlink_to(sys.executable)
    text = text.replace('"%s"' % place, '"%s"' % (tmp_path / "python-elsewhere")).replace('"/usr/', '"/nowhere/')
    (tmp_path / "p.py").write_text(text)
    done = subprocess.run([PYTHON2, str(tmp_path / "p.py"), "--version"], env={"PATH": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=str(tmp_path))
    assert done.returncode == 0 and done.stdout.startswith(b"pilot "), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here")
def test_an_interpreter_that_hangs_is_passed_over(made, tmp_path):
    (tmp_path / "python3").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "python3").chmod(0o755)
    done = subprocess.run([PYTHON2, str(made / "pilot.pyz"), "--version"], env={"PATH": "%s:/usr/bin:/bin" % tmp_path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=str(tmp_path), timeout=60)
    assert done.returncode == 0 and done.stdout.startswith(b"pilot "), done.stderr


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here")
def test_a_text_by_a_pipe_that_cannot_be_stored_is_told(made, tmp_path):
    with open(str(made / "pilot.py"), "rb") as text:
        done = subprocess.run([PYTHON2, "-"], stdin=text, env={"PATH": "/usr/bin:/bin", "TMPDIR": "/nowhere"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/proc", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)))
    assert done.returncode == 10, done.stderr
    assert b"cannot be stored" in done.stderr, done.stderr
    assert b"Traceback" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def lean(tmp_path_factory):
    path = tmp_path_factory.mktemp("lean") / "pilot.py"
    build(sys.executable, path, "--text", "--lean")
    return path


DEFAULT = "CheckWorkerNode,Install,Configure,CPUNormalization,LaunchAgent"


def test_engine_and_default_commands_are_less_than_64_kb_as_text(lean):
    text = lean.read_bytes()
    assert len(text) <= 65535  # 64 KiB, what Azure takes as custom data; docs/adr/0007
    assert not [line for line in text.split(b"\n") if line.endswith(b" ")]


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_the_lean_script_runs_on_every_python(lean, tmp_path, version):
    alone = tmp_path / "alone"
    alone.mkdir()
    for argv, how in (([PYTHONS[version], str(lean)], {}), ([PYTHONS[version], "-"], {"stdin": open(str(lean), "rb")})):
        done = subprocess.run(argv + ["-X", DEFAULT, "--fast", "--cpu-cache", "off", "--execute", "echo the agent", "--workdir", str(alone)], cwd=str(alone),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        if "stdin" in how:
            how["stdin"].close()
        assert done.returncode == 0, done.stderr.decode()
        commands = json.loads((alone / "pilot-report.json").read_text())["commands"]
        assert [(row["command"], row["status"]) for row in commands] == [(name, "ok") for name in DEFAULT.split(",")] and b"the agent" in done.stderr


def test_the_lean_script_says_what_it_has_not(lean, tmp_path):
    done = subprocess.run([sys.executable, str(lean), "-X", "CheckWorkerNode,LaunchAgent", "--pool", "sqlite:x"], cwd=str(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 2 and b"without the built-in agent" in done.stderr
    done = subprocess.run([sys.executable, str(lean), "-m", "pilot.pool", "status"], cwd=str(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 2 and b"this file has no pilot.pool" in done.stderr
    for option in (["--plan"], ["--explode", "x"]):
        done = subprocess.run([sys.executable, str(lean)] + option, cwd=str(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        assert done.returncode == 2 and ("this file has no " + option[0]).encode() in done.stderr
    done = subprocess.run([sys.executable, str(lean), "--list"], cwd=str(tmp_path), stdout=subprocess.PIPE)
    assert b"Look at the machine and refuse it" in done.stdout
    done = subprocess.run([sys.executable, str(lean), "--help"], cwd=str(tmp_path), stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert b"--min-disk-mb MIN_DISK_MB" in done.stdout
    assert b"the whole one explains each option" in done.stdout
    done = subprocess.run([sys.executable, "-m", "pilot.bundle", "--lean", "-o", str(tmp_path / "x")], cwd=str(ROOT), stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"--lean is for --text" in done.stderr


def test_nothing_in_the_text_forms_is_filled_in_by_a_manager_of_virtual_machines(made, lean):
    """Vac and Vcycle replace ##user_data_XXX## wherever it stands in their template, or delete it."""
    assert b"##user_data_" in (made / "ops.pyz").read_bytes()  # it is in our code, stored as it is only in the zip form
    for path in (made / "pilot.py", made / "ops.py", lean):
        assert b"##user_data_" not in path.read_bytes()
