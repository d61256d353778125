"""BOINC's client, as a native application speaks with it by shared memory."""

import os

from pilot.hosts.boinc import channels, client, slot
from pilot.node.batch.detect import SLOT


def make_slot(folder, init="<app_init_data></app_init_data>"):
    (folder / SLOT).write_text(init)
    (folder / slot.MEMORY).write_bytes(b"\0" * 8 * channels.SIZE)
    return client.connect_client(str(folder)), channels.Channels(str(folder / slot.MEMORY))


def test_outside_a_slot_and_without_shared_memory_there_is_no_client(tmp_path):
    assert client.connect_client(str(tmp_path)) is None
    (tmp_path / SLOT).write_text("")
    assert client.connect_client(str(tmp_path)) is None


def test_the_fraction_done_reaches_the_client(tmp_path):
    native, memory = make_slot(tmp_path)
    native.send_progress(0.25, True)
    text = memory.receive(channels.STATUS)
    assert "<fraction_done>2.500000e-01</fraction_done>" in text
    assert "<checkpoint_cpu_time>0.000000e+00<" not in text


def test_a_request_is_received_once(tmp_path):
    native, memory = make_slot(tmp_path)
    memory.send(channels.CONTROL, "<suspend/>")
    assert native.receive_control() == "<suspend/>"
    assert native.receive_control() == ""


def test_a_client_is_gone_when_its_process_is(tmp_path):
    native, _ = make_slot(tmp_path, "<client_pid>%d</client_pid>" % os.getpid())
    assert not native.is_gone()
    other = tmp_path / "other"
    other.mkdir()
    native, _ = make_slot(other, "<client_pid>999999999</client_pid>")
    assert native.is_gone()


def test_a_client_is_gone_when_it_is_silent_for_too_long(tmp_path, monkeypatch):
    native, memory = make_slot(tmp_path)
    assert not native.is_gone()
    monkeypatch.setattr(client, "BEAT_S", -1.0)
    assert native.is_gone()
