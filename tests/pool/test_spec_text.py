"""How often a spec is coded as JSON on its way from a file to an agent."""

import json

import pytest

from pilot.ops.pool.__main__ import main
from pilot.pool import open_pool, spec_text
from pilot.pool.interface import Offer

WHOLE = '{"id": "a", "command": ["true"], "meta": {"mark": "CODED"}}\n'
COMPLETED = '{"command": ["true"], "inputs": ["data"], "meta": {"mark": "CODED"}}\n'


@pytest.fixture
def coded(monkeypatch):
    """The codings of texts with the word CODED, each "read" or "written"."""
    codings = []
    encode, decode = json.JSONEncoder.encode, json.JSONDecoder.raw_decode

    def encoding(self, value):
        text = encode(self, value)
        if "CODED" in text:
            codings.append("written")
        return text

    def decoding(self, text, idx=0):
        value, end = decode(self, text, idx)
        if "CODED" in text[idx:end]:
            codings.append("read")
        return value, end

    monkeypatch.setattr(json.JSONEncoder, "encode", encoding)
    monkeypatch.setattr(json.JSONDecoder, "raw_decode", decoding)
    return codings


def pass_through(url, tmp_path, line):
    """Add a task by the command line and claim it."""
    (tmp_path / "tasks.jsonl").write_text(line)
    assert main(["add", url, str(tmp_path / "tasks.jsonl")]) == 0
    with open_pool(url) as pool:
        lease, = pool.claim("p1", Offer(), 1, 300.0, "life:1")
    return lease.spec


def test_a_server_s_task_is_coded_three_times(within, tmp_path, coded):
    spec = pass_through(within.url, tmp_path, WHOLE)
    assert coded == ["read", "read", "read"]  # by add, by the server, by the agent
    assert spec == json.loads(WHOLE)


def test_a_server_s_task_that_add_completes_is_coded_four_times(within, tmp_path, coded):
    spec = pass_through(within.url, tmp_path, COMPLETED)
    assert coded == ["read", "written", "read", "read"]
    assert spec["inputs"] == [{"name": "data", "url": str(tmp_path / "data")}]


def test_a_task_of_a_file_pool_is_coded_three_times(tmp_path, coded):
    url = "sqlite:%s/p.sqlite" % tmp_path
    spec = pass_through(url, tmp_path, WHOLE)
    assert coded == ["read", "read", "read"]  # by the check, for the row, by the agent
    assert spec == json.loads(WHOLE)


@pytest.mark.parametrize("spec", [{"id": "a"}, {"id": "\u00e9"}, {"id": "\ud800"}])
def test_the_text_of_a_spec_is_ascii(spec):
    for text in (json.dumps(spec), json.dumps(spec, ensure_ascii=False)):
        kept = spec_text.text_of(spec_text.keep_text(spec, spec, text))
        assert json.loads(kept) == spec
        assert kept.encode("ascii")


def test_a_spec_that_was_completed_has_a_new_text():
    read = {"command": ["true"]}
    spec = spec_text.keep_text(dict(read, id="a"), read, json.dumps(read))
    assert json.loads(spec_text.text_of(spec)) == {"id": "a", "command": ["true"]}
