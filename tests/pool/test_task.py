import json

import pytest

from pilot.errors import UsageError
from pilot.pool.task import FIELDS, make_absolute, read_file, read_lines


def lines(*tasks):
    return [json.dumps(task) if isinstance(task, dict) else task for task in tasks]


def test_a_full_task_is_taken_as_it_is():
    task = {
        "id": "a",
        "command": ["x", ""],
        "env": {"A": "b"},
        "cores": 2,
        "memory_mb": 100,
        "gpus": 0,
        "walltime_s": 1.5,
        "tags": ["t"],
        "priority": -1,
        "max_attempts": 1,
        "container": "/i",
        "meta": {"any": [1]},
        "limits": {"silence_s": 5},
    }
    assert read_lines(lines(task), "f", "/base") == [task]


def test_files_are_made_absolute_against_the_task_files_folder():
    task = read_lines(
        lines(
            {
                "command": ["x"],
                "inputs": [
                    "d/in.txt",
                    {"url": "http://h/p/q.txt?x=1"},
                    {"url": "file:///a/b", "name": "c"},
                    "d#1?.txt",
                ],
                "outputs": ["o", {"name": "p", "url": "out/p"}],
            }
        ),
        "f",
        "/base",
    )[0]
    assert [(file["url"], file["name"]) for file in task["inputs"]] == [
        ("/base/d/in.txt", "in.txt"),
        ("http://h/p/q.txt?x=1", "q.txt"),
        ("file:///a/b", "c"),
        ("/base/d#1?.txt", "d#1?.txt"),
    ]
    assert task["outputs"] == [{"name": "o"}, {"name": "p", "url": "/base/out/p"}]


@pytest.mark.parametrize(
    "given, kept",
    [
        ("img.sif", "/base/img.sif"),
        ("/cvmfs/img", "/cvmfs/img"),
        ("docker://debian", "docker://debian"),
    ],
)
def test_an_image_is_found_as_inputs_are(given, kept):
    assert (
        read_lines(lines({"command": ["x"], "container": given}), "f", "/base")[0]["container"]
        == kept
    )


def test_mistakes_in_files_are_told_beside_all_others():
    with pytest.raises(UsageError) as told:
        read_lines(
            lines(
                {
                    "comand": ["x"],
                    "cores": 0,
                    "inputs": [{"url": "a", "name": "../x"}],
                    "outputs": ["o", "o"],
                }
            ),
            "f",
            "/base",
        )
    text = " ".join(told.value.problems)
    assert all(
        word in text
        for word in (
            "comand",
            "cores",
            "'../x'",
            "'o' occurs twice",
            "either a command or a script",
        )
    )


def test_tasks_without_an_id_get_one_that_stays_the_same():
    text = lines({"command": ["x"]}, "", {"script": "y"})
    ids = [task["id"] for task in read_lines(text, "/d/my tasks.jsonl", "/")]
    assert [name[:15] for name in ids] == ["my_tasks-000001", "my_tasks-000003"] and ids == [
        task["id"] for task in read_lines(text, "/e/my tasks.jsonl", "/")
    ]
    # another task in the same place
    assert ids[0] != read_lines(lines({"command": ["y"]}), "/d/my tasks.jsonl", "/")[0]["id"]


@pytest.mark.parametrize(
    "task, words",
    [
        ({}, "either a command or a script"),
        ({"command": ["x"], "script": "y"}, "either a command or a script"),
        ({"comand": ["x"]}, "unknown key 'comand' (did you mean command?)"),
        ({"command": "x y"}, "command must be a list of texts"),
        ({"command": []}, "command must be"),
        ({"command": ["a\u0000"]}, "command must be"),
        ({"command": ["x"], "cores": 0}, "cores must be"),
        ({"command": ["x"], "cores": True}, "cores must be"),
        ({"command": ["x"], "env": {"A": 1}}, "env must be"),
        ({"command": ["x"], "env": {"A=B": "1"}}, "env must be"),
        ({"command": ["x"], "tags": "a"}, "tags must be"),
        ({"command": ["x"], "tags": ["a,b"]}, "tags must be"),
        ({"command": ["x"], "id": "a/b"}, "id must be"),
        ({"command": ["x"], "walltime_s": 0}, "walltime_s must be"),
        ({"command": ["x"], "inputs": [5]}, "inputs: 5 is not a URL"),
        ({"command": ["x"], "inputs": [{"url": "a", "name": "../b"}]}, "inside the task's folder"),
        ({"command": ["x"], "outputs": ["/etc/passwd"]}, "inside the task's folder"),
        ({"command": ["x"], "inputs": ["a/b", "c/b"]}, "'b' occurs twice"),
        ({"command": ["x"], "inputs": [{"url": "a", "checksum": "md5:1"}]}, "is not a checksum"),
        ({"command": ["x"], "outputs": [{"name": "a", "size": 1}]}, "is not a name or"),
        ({"command": ["x"], "limits": {"cpu": 1}}, "limits must be"),
        ({"command": ["x" * 2000000]}, "larger than 1 MB"),
        ({"command": ["\ud800"]}, "command must be"),
        ({"command": ["x"], "tags": ["\ud800"]}, "tags must be"),
        ({"script": "\ud800"}, "script must be"),
        pytest.param("[" * 100000, "nested too deeply", id="deep"),
        ("{", "not JSON"),
        ("[1]", "a task is an object"),
        ("5", "a task is an object"),
    ],
)
def test_each_mistake_is_told_with_its_line(task, words):
    with pytest.raises(UsageError) as caught:
        read_lines(lines({"command": ["x"]}, task), "tasks.jsonl", "/")
    assert words in str(caught.value) and "tasks.jsonl, line 2: " in str(caught.value)


def test_all_mistakes_of_a_file_are_told_at_once():
    with pytest.raises(UsageError) as caught:
        read_lines(
            lines({"id": "a", "command": ["x"]}, {"cores": -1}, {"id": "a", "command": ["x"]}),
            "f",
            "/",
        )
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "f, line 2",
        "f, line 2",
        "f, line 3",
    ]
    assert "id 'a' is that of line 1" in caught.value.problems[-1]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, content):
    path = tmp_path / "t.jsonl"
    if content:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="t.jsonl"):
        read_file(str(path))


def test_paths_and_urls_are_told_apart():
    assert make_absolute("a:b", "/x") == "a:b"
    assert make_absolute("root://h//f", "/x") == "root://h//f"
    assert make_absolute("/abs", "/x") == "/abs"


def test_every_field_has_words():
    assert all(field.says for field in FIELDS.values())
