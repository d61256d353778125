"""The pool server's page in a real Chromium: every view, in light and dark, wide and on a phone; a
hostile payload; sending back."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Final, Offer
from tests.conftest import ROOT
from tests.pool.served import Served
from tests.pool.stories import story

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (tox -e real does it)"
)
CHROMIUM = shutil.which("chromium")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
# a folder to keep the pictures in, docs/screenshots say
KEEP = os.environ.get("PILOT_TEST_SCREENSHOTS")


def draw_day(folder):
    """Give the factory's site a day of curves; a server makes a point a minute."""
    db = sqlite3.connect("%s/pool.sqlite.story" % folder)
    now = int(time.time() // 60)
    with db:
        db.executemany(
            "INSERT OR REPLACE INTO levels VALUES ('factory-1', 'NIKHEF', ?, ?, ?, ?)",
            [
                (now - age, None if 300 < age < 360 else 60 - age // 30, 5 - age // 300, 40 - age // 40)
                for age in range(1, 1440, 5)
            ],
        )
    db.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with stories of pilots, of a factory, and of one pilot that never started."""
    if CHROMIUM is None:
        pytest.skip("not installed: chromium (tests/real/systems/install.sh browser)")
    folder = tmp_path_factory.mktemp("page")
    server = Served(folder)
    with open_pool(server.url) as pool:
        pool.add([{"id": "sim-%05d-1" % n, "command": ["true"]} for n in range(30)])
    for number in range(200):
        post(server, "events", {"events": story(number)})
    post(
        server,
        "events",
        {
            "events": [
                {
                    "pilot": "factory-1",
                    "seq": 1,
                    "event": "factory state",
                    "state": "running",
                    "sites": [
                        {
                            "site": "NIKHEF",
                            "state": "ok",
                            "demand": 45,
                            "running": 40,
                            "pending": 2,
                            "held": 0,
                            "idle": 3,
                            "why": "NIKHEF: demand 45 in 45 tasks, minus supply 42 (40 running, 2 pending) = 3,"
                            " half = 2 -> submit 2",
                        },
                        {
                            "site": "SURF",
                            "state": "quarantine",
                            "demand": None,
                            "why": "SURF: quarantine, the next canary in 300 s: 5 pilots ended within 120 s"
                            " on 3 nodes, the last with exit code 10 -> wait",
                        },
                    ],
                    "unmet": ["14 tasks need 65536 MB, the largest site offers 32768"],
                },
                {
                    "pilot": "pabcdefghjkm-0",
                    "seq": 1,
                    "time": "2026-11-22T10:00:00.000Z",
                    "event": "pilot submitted",
                    "factory": "factory-1",
                    "site": "SURF",
                    "backend": "slurm",
                    "job": "4711_0",
                },
                {
                    "pilot": "pabcdefghjkm-0",
                    "seq": 2 << 50,
                    "time": "2026-11-22T10:20:00.000Z",
                    "event": "job ended",
                    "factory": "factory-1",
                    "site": "SURF",
                    "job": "4711_0",
                    "state": "failed",
                    "node": "wn7",
                    "exit_code": 127,
                    "reason": "",
                    "queue_s": 1100.0,
                    "output": ["/usr/bin/env: python3: No such file or directory"],
                },
            ]
        },
    )
    draw_day(folder)
    tasks = folder / "tasks.jsonl"
    tasks.write_text(
        "".join(
            json.dumps(task) + "\n"
            for task in (
                {
                    "id": "bad",
                    "command": [
                        "sh",
                        "-c",
                        "echo reading input.dat; echo cannot open input >&2; exit 3",
                    ],
                    "max_attempts": 1,
                    "priority": 9,
                },
                {"id": "good", "command": ["echo", "hello"], "priority": 8},
            )
        )
    )
    assert (
        subprocess.call(
            [sys.executable, "-m", "pilot.pool", "add", server.url, str(tasks)],
            cwd=str(ROOT),
            stdout=subprocess.DEVNULL,
        )
        == 0
    )
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "--pool",
            server.url,
            "--events",
            server.url,
            "--site",
            "SURF",
            "--pilot-id",
            "the-real-one",
            "--max-tasks",
            "5",
            "--workdir",
            str(folder / "work"),
            "-X",
            "CheckWorkerNode,Install,Configure,LaunchAgent",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout.decode()
    history(folder)
    yield server
    server.kill()


def history(folder):
    """Two hours of curves, which a server of a few seconds has not."""
    import sqlite3
    import time
    db = sqlite3.connect(str(folder / "pool.sqlite.story"))
    now = int(time.time() // 60)
    for n in range(120):
        done = 40 * n
        db.execute(
            "INSERT OR REPLACE INTO ticks VALUES (?, ?, ?, ?, ?, ?, ?)",
            (now - 120 + n, 5000 - done, 150 + n % 30, done, n // 4, 20, 40 + n // 3),
        )
    db.commit()
    db.close()


def state_of(server, task):
    with open_pool(server.url) as pool:
        return pool.show(task)["state"]


def post(server, path, body):
    request = urllib.request.Request(
        "%s/v1/%s" % (server.url, path),
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    return json.loads(urllib.request.urlopen(request, timeout=10).read().decode())


@pytest.fixture(scope="module")
def browser(served):
    with playwright.sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield found
        found.close()


def opened(browser, server, path, **how):
    page = browser.new_page(**how)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console",
        lambda message: page.problems.append(message.text) if message.type == "error" else None,
    )
    page.goto("%s/#/%s" % (server.url, path))
    page.wait_for_selector("#pulse:has-text('live')")
    return page


VIEWS = {
    "overview": ("", "Why pilots failed"),
    "pilots": ("pilots", "the-real-one"),
    "pilot": ("pilot/the-real-one", "Timeline"),
    "tasks": ("tasks", "sim-00003-1"),
    "task": ("task/bad", "Attempt 1"),
    "sites": ("sites", "NIKHEF"),
    "factories": ("factories", "submit 2"),
    "never-started": ("pilot/pabcdefghjkm-0", "python3: No such file or directory"),
    "statistics": ("statistics", "CPUNormalization"),
}
SCREENS = {
    "light": dict(viewport={"width": 1280, "height": 900}, color_scheme="light"),
    "dark": dict(viewport={"width": 1280, "height": 900}, color_scheme="dark"),
    "phone": dict(
        viewport={"width": 390, "height": 844}, color_scheme="light", is_mobile=True, has_touch=True
    ),
}


@pytest.mark.parametrize("screen", sorted(SCREENS))
@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_shows_its_story(browser, served, tmp_path, view, screen):
    path, words = VIEWS[view]
    page = opened(browser, served, path, **SCREENS[screen])
    text = page.inner_text("main")
    assert words in text, text[:500]
    assert page.problems == [] and page.title() == "Pilots"
    assert (
        page.evaluate("document.documentElement.scrollWidth")
        <= SCREENS[screen]["viewport"]["width"] + 1
    ), "the page is wider than its screen"
    # those that docs/server.md shows
    kept = KEEP and (
        screen == "light" or (view, screen) in (("overview", "dark"), ("pilots", "phone"))
    )
    folder = KEEP if kept else str(tmp_path)
    picture = os.path.join(folder, "%s-%s.png" % (view, screen))
    page.screenshot(path=picture, full_page=False)
    assert os.path.getsize(picture) > 5000
    page.close()


def test_what_a_payload_says_is_text_and_nothing_else(browser, served):
    events = [dict(event, pilot="evil-one") for event in story(1)]
    events[0].update(site=HOSTILE, host=HOSTILE)
    events[2].update(reason=HOSTILE, exit_code=10, status="failed")
    events += [
        {"pilot": "evil-one", "seq": 900, "time": HOSTILE, "event": "log", "lines": [HOSTILE]},
        {"pilot": "evil-one", "seq": 901, "event": "command started", "command": HOSTILE},
        {
            "pilot": "evil-one",
            "seq": 902,
            "event": "task finished",
            "task": HOSTILE,
            "outcome": "error",
            "reason": HOSTILE,
            "seconds": 1.0,
        },
    ]
    post(served, "events", {"events": events})
    post(
        served,
        "events",
        {
            "events": [
                {
                    "pilot": HOSTILE[:100],
                    "seq": 1,
                    "event": "factory state",
                    "state": HOSTILE,
                    "sites": [{"site": HOSTILE, "why": HOSTILE}],
                }
            ]
        },
    )
    with open_pool(served.url) as pool:
        pool.add([{"id": "evil", "command": [HOSTILE], "priority": 99, "max_attempts": 1}])
        lease = pool.claim("evil-one", Offer(), 1, 300.0, "r")[0]
        pool.finish(
            Final(
                "evil",
                lease.generation,
                "error",
                HOSTILE,
                {"stdout": HOSTILE, "stderr": HOSTILE, "exit_code": 3},
            ),
            "evil-one",
        )
    for path in (
        "task/evil",
        "pilots",
        "pilot/evil-one",
        "sites",
        "statistics",
        "factories",
        "tasks?state=error",
        "",
    ):
        page = opened(browser, served, path)
        assert page.title() == "Pilots"
        assert page.query_selector("main img") is None
        assert page.query_selector("main script") is None
        assert "<script>" in page.inner_text("main"), path
        page.close()


def test_what_cannot_be_shown_says_so_and_the_rest_is_shown(browser, served):
    post(
        served,
        "events",
        {
            "events": [
                {
                    "pilot": "odd-factory",
                    "seq": 1,
                    "event": "factory state",
                    "sites": [None, {"site": "FINE", "running": 3}, 7],
                },
                {
                    "pilot": "odd-one",
                    "seq": 1,
                    "event": "pilot started",
                    "site": {"a": 1},
                    "host": [1],
                },
                {
                    "pilot": "odd-one",
                    "seq": 2,
                    "event": "fact found",
                    "kind": "WorkerNode",
                    "fact": None,
                },
                {"pilot": "odd-one", "seq": 3, "event": "pilot heartbeat", "load": 5},
                {
                    "pilot": "odd-one",
                    "seq": 4,
                    "time": "never",
                    "event": "task started",
                    "task": {"a": []},
                },
                {"pilot": "odd-one", "seq": 5, "event": "command started", "command": None},
                {
                    "pilot": "odd-one",
                    "seq": 6,
                    "event": "command finished",
                    "command": None,
                    "seconds": "long",
                    "status": 5,
                },
                {"pilot": "odd-one", "seq": 7, "event": "log", "lines": "no list"},
            ]
        },
    )
    for path, words in (
        ("factories", "FINE"),
        ("factories", "factory-1"),
        ("factories", "cannot be shown"),
        ("pilot/odd-one", "Pilot odd-one"),
        ("pilots", "odd-one"),
        ("statistics", "Commands"),
        ("sites", "NIKHEF"),
        ("", "Overview"),
    ):
        page = opened(browser, served, path)
        assert words in page.inner_text("main"), (path, page.inner_text("main")[:500])
        assert page.inner_text("#pulse").startswith("live")
        page.close()


def test_a_task_is_sent_back_and_the_page_follows(browser, served):
    page = opened(browser, served, "task/bad")
    page.click("text=Send back to todo")
    page.wait_for_selector("text=Hold")
    assert state_of(served, "bad") == "todo"
    page.click("text=Hold")
    page.wait_for_selector("text=Send back to todo")
    assert state_of(served, "bad") == "held"
    page.close()


def test_the_log_comes_in_live(browser, served):
    page = (
        opened(browser, served, "pilot/live-one")
        if post(
            served,
            "events",
            {
                "events": [
                    {
                        "pilot": "live-one",
                        "seq": 1,
                        "time": "2026-11-20T03:00:00.000Z",
                        "event": "log",
                        "lines": ["the first line"],
                    }
                ]
            },
        )
        else None
    )
    page.wait_for_selector("pre.log:has-text('the first line')")
    post(
        served,
        "events",
        {
            "events": [
                {
                    "pilot": "live-one",
                    "seq": 2,
                    "time": "2026-11-20T03:00:01.000Z",
                    "event": "log",
                    "lines": ["the second line"],
                }
            ]
        },
    )
    page.wait_for_selector("pre.log:has-text('the second line')")
    page.close()


def test_the_filters_filter(browser, served):
    page = opened(browser, served, "pilots")
    page.fill("input[name=site]", "NIKHEF")
    page.click("text=Show")
    page.wait_for_url("**NIKHEF**")
    page.wait_for_selector("tbody:not(:has(td:nth-child(3):has-text('SURF')))")
    cells = page.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert len(cells) > 5 and set(cells) == {"NIKHEF"}
    page.close()


def test_with_tokens_the_page_asks_for_one(browser, tmp_path):
    token = (
        subprocess.check_output(
            [
                sys.executable,
                "-m",
                "pilot.pool",
                "token",
                str(tmp_path / "tokens"),
                "reader",
                "alice",
            ],
            cwd=str(ROOT),
        )
        .decode()
        .strip()
    )
    server = Served(tmp_path, "--tokens", str(tmp_path / "tokens"))
    try:
        page = browser.new_page()
        page.goto(server.url + "/")
        page.wait_for_selector("input[name=token]")
        page.fill("input[name=token]", token)
        page.click("text=Show")
        page.wait_for_selector("text=Why tasks failed")
        page.close()
    finally:
        server.kill()
