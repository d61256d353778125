"""The whole machine as one fact, from every source."""

import os

import pytest

from pilot.facts import GPU, BatchJob
from pilot.node import survey

TWO = (GPU("A100", 40000, "0/GPU-1"), GPU("A100", 40000, "1/GPU-2"))


@pytest.fixture
def look(tmp_path):
    """The fact, and the sentences that were told on the way."""

    def look(job=BatchJob("local"), **environ):
        told = []
        environ = dict({"PATH": os.environ["PATH"]}, **environ)
        return survey.worker_node(job, environ, str(tmp_path), told.append), told

    return look


def test_the_machine_is_told_by_its_own_names(look):
    node, _ = look()
    system = os.uname()
    assert (node.host, node.architecture) == (system.nodename, system.machine)


@pytest.mark.parametrize("field", ["os", "cpu_model"])
def test_what_names_the_machine_is_never_empty(look, field):
    assert getattr(look()[0], field)


def test_what_the_batch_system_gives_is_less_than_the_machine(look):
    node, _ = look(BatchJob("Slurm", cores=1, memory_mb=100))
    assert (node.cores, node.memory_mb) == (1, 100)


def test_each_source_that_was_asked_is_kept(look):
    node, _ = look(BatchJob("Slurm", cores=1))
    assert ("Slurm", 1) in [tuple(reading) for reading in node.core_sources]


def test_the_disk_that_the_job_has_counts_where_it_is_the_smallest(look):
    assert look(BatchJob("local", disk_mb=1))[0].disk_mb == 1


def test_a_disk_of_job_features_counts_too(look, tmp_path):
    (tmp_path / "scratch_limit_bytes").write_text("%d" % (2 << 20))
    assert look(JOBFEATURES=str(tmp_path))[0].disk_mb == 2


def test_the_job_is_part_of_the_fact(look):
    job = BatchJob("Slurm", "7")
    assert look(job)[0].batch == job


def test_sources_of_the_slot_that_disagree_are_told(look, tmp_path):
    (tmp_path / "allocated_cpu").write_text("1")
    _, told = look(BatchJob("Slurm", cores=7), JOBFEATURES=str(tmp_path))
    assert any(sentence.startswith("sources disagree on cores: ") for sentence in told)


def test_two_batch_systems_at_once_are_told(look):
    _, told = look(BatchJob("Slurm", others=("ARC", "Kubernetes")))
    assert "this looks like Slurm and also like ARC, Kubernetes; the first counts" in told


@pytest.mark.parametrize("granted, count", [(None, 2), (1, 1), (0, 0), (5, 2)])
def test_no_more_gpus_than_were_granted_are_the_slots(look, monkeypatch, granted, count):
    # no driver here
    monkeypatch.setattr(survey.gpu, "find", lambda environ: TWO)
    assert look(BatchJob("Slurm", gpus=granted))[0].gpus == TWO[:count]


def test_a_container_is_told_by_the_slots_environment(look):
    assert look(APPTAINER_NAME="x")[0].container == "apptainer"


def test_the_systems_name_is_read_from_its_second_place_where_the_first_is_missing(
    look, monkeypatch
):
    read = survey.hardware.read_text
    texts = {"/etc/os-release": "", "/usr/lib/os-release": 'PRETTY_NAME="Odd Linux 3"\n'}
    monkeypatch.setattr(
        survey.hardware, "read_text", lambda path: texts[path] if path in texts else read(path)
    )
    assert look()[0].os == "Odd Linux 3"
