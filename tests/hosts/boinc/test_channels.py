"""The shared memory of a BOINC slot, with the client's side played by the test."""

import pytest

from pilot.hosts.boinc import channels
from pilot.hosts.boinc.channels import CONTROL, HEARTBEAT, SIZE, STATUS, Channels


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "memory").write_bytes(b"\0" * 8 * SIZE)
    return tmp_path / "memory"


@pytest.fixture
def ours(memory):
    one = Channels(str(memory))
    yield one
    one.close()


@pytest.fixture
def client(memory):
    one = Channels(str(memory))
    yield one
    one.close()


def test_a_message_arrives_in_its_channel(client, ours):
    client.send(CONTROL, "<suspend/>\n")
    assert ours.receive(CONTROL) == "<suspend/>"


def test_other_channels_hear_nothing_of_it(client, ours):
    client.send(CONTROL, "<suspend/>")
    assert ours.receive(HEARTBEAT) == ""


def test_a_message_is_read_once(client, ours):
    client.send(CONTROL, "<suspend/>")
    ours.receive(CONTROL)
    assert ours.receive(CONTROL) == ""


def test_a_message_that_was_not_taken_is_not_overwritten(client, ours):
    ours.send(STATUS, "first")
    assert ours.send(STATUS, "second") is False
    assert client.receive(STATUS) == "first"


def test_there_is_room_again_once_it_was_taken(client, ours):
    ours.send(STATUS, "first")
    client.receive(STATUS)
    assert ours.send(STATUS, "second") is True


def test_of_a_longer_message_before_nothing_is_left(client, ours):
    ours.send(STATUS, "a long message")
    client.receive(STATUS)
    ours.send(STATUS, "short")
    assert client.receive(STATUS) == "short"


def test_a_message_that_is_too_long_stays_in_its_channel(memory, client, ours):
    ours.send(HEARTBEAT, "x" * 5000)
    assert client.receive(HEARTBEAT) == "x" * (SIZE - 2)
    assert memory.read_bytes()[STATUS * SIZE:] == b"\0" * 3 * SIZE


def test_the_first_byte_of_a_channel_tells_that_it_is_full(memory, ours):
    ours.send(STATUS, "a")
    assert memory.read_bytes()[STATUS * SIZE:][:3] == b"\1a\0"


def test_bytes_that_are_no_text_do_no_harm(memory, ours):
    with open(str(memory), "r+b") as stream:
        stream.write(b"\1\xff<quit/>\0")
    assert "<quit/>" in ours.receive(CONTROL)


def test_a_channel_that_is_full_to_the_brim_is_read(memory, ours):
    with open(str(memory), "r+b") as stream:
        stream.write(b"\1" + b"y" * (SIZE - 1) + b"\1next")
    assert ours.receive(CONTROL) == "y" * (SIZE - 1)


@pytest.mark.parametrize("size", [0, 100, 8 * SIZE - 1])
def test_a_file_that_is_too_small_is_none_of_the_clients(tmp_path, size):
    (tmp_path / "small").write_bytes(b"\0" * size)
    assert channels.open_channels(str(tmp_path / "small")) is None


def test_a_file_that_is_not_there_is_none_either(tmp_path):
    assert channels.open_channels(str(tmp_path / "none")) is None


def test_the_clients_file_is_opened(memory):
    one = channels.open_channels(str(memory))
    assert one.receive(CONTROL) == ""
    one.close()
