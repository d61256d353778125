"""GPUs as drivers show them, less what the batch system hides."""

import os

import pytest

from pilot.facts import GPU
from pilot.node import gpu

NVIDIA = """0, GPU-11111111-aaaa, NVIDIA A100-SXM4-40GB, 40960
1, GPU-22222222-bbbb, NVIDIA A100-SXM4-40GB, 40960
"""


def test_gpus_are_read_and_the_hidden_left_out():
    both = gpu.parse_nvidia_smi(NVIDIA)
    assert both[0] == GPU("NVIDIA A100-SXM4-40GB", 40960, "0/GPU-11111111-aaaa")
    assert len(both) == 2
    assert gpu.visible(both, None) == both
    assert gpu.visible(both, "all") == both
    assert gpu.visible(both, "1") == both[1:]
    assert gpu.visible(both, "GPU-2222") == both[1:]
    for hidden in ("", "10000", "none", "NoDevFiles", "-1"):
        assert gpu.visible(both, hidden) == ()
    assert gpu.parse_nvidia_smi("No devices were found\n") == ()


@pytest.mark.parametrize(
    "environ, count",
    [
        ({}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, 0),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, 0),
        ({"NVIDIA_VISIBLE_DEVICES": "none", "CUDA_VISIBLE_DEVICES": "1"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "10000"}, 0),
    ],
)
def test_a_slot_without_gpus_is_told_by_either_variable(programs, monkeypatch, environ, count):
    programs.make("nvidia-smi", "cat <<'E'\n%sE" % NVIDIA)
    there = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidiactl" or there(path))
    slot = dict(environ, PATH=os.environ["PATH"], ROCR_VISIBLE_DEVICES="none")
    assert len(gpu.find(slot)) == count
    assert len(programs.calls("nvidia-smi")) == 1


def test_amd_gpus_are_seen_by_their_drivers_files(tmp_path):
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text("17163091968\n")
    (tmp_path / "card0-DP-1").mkdir()
    assert gpu.amd(str(tmp_path)) == (GPU("AMD card0", 16368, "0/card0"),)
    assert gpu.amd(str(tmp_path / "no")) == ()


@pytest.mark.parametrize(
    "row, found",
    [
        ("0, GPU-1, A100, [N/A]", (GPU("A100", 0, "0/GPU-1"),)),
        ("0, GPU-1, A100", ()),
        ("x, GPU-1, A100, 40960", ()),
        ("", ()),
    ],
)
def test_only_whole_rows_are_gpus(row, found):
    assert gpu.parse_nvidia_smi(row + "\n") == found


def test_a_short_word_is_no_beginning_of_an_identifier():
    assert gpu.visible(gpu.parse_nvidia_smi(NVIDIA), "GPU-") == ()


def test_of_several_gpus_those_that_are_named_stay():
    both = gpu.parse_nvidia_smi(NVIDIA)
    assert gpu.visible(both, "0, GPU-22222222-bbbb") == both


def test_a_program_that_fails_shows_no_gpus(programs, monkeypatch):
    programs.make("nvidia-smi", "cat <<'E'\n%sE\nexit 9" % NVIDIA)
    there = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidiactl" or there(path))
    assert gpu.find({"PATH": os.environ["PATH"], "ROCR_VISIBLE_DEVICES": "none"}) == ()


def test_without_a_driver_no_program_is_asked(programs, monkeypatch):
    programs.make("nvidia-smi", "exit 1")
    there = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: "nvidia" not in path and there(path))
    gpu.find({"PATH": os.environ["PATH"]})
    assert programs.calls("nvidia-smi") == []
