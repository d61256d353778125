import pytest

from pilot import values


@pytest.mark.parametrize(
    "text, value",
    [("true", True), ("Yes", True), ("1", True), ("off", False), ("False", False), ("", False)],
)
def test_booleans_are_read_in_every_usual_spelling(text, value):
    assert values.boolean(text) is value


@pytest.mark.parametrize(
    "text, value", [("90", 90), ("1.5", 1.5), ("10m", 600), ("2h", 7200), ("1d", 86400), ("3s", 3)]
)
def test_times_have_units(text, value):
    assert values.seconds(text) == value


@pytest.mark.parametrize(
    "text, value",
    [("2560", 2560), ("2G", 2048), ("1.5GB", 1536), ("1T", 1048576), ("2GiB", 2048), ("2048K", 2)],
)
def test_sizes_are_megabytes(text, value):
    assert values.megabytes(text) == value


@pytest.mark.parametrize(
    "parse, text",
    [
        (values.boolean, "maybe"),
        (values.seconds, "soon"),
        (values.seconds, "-1"),
        (values.seconds, "inf"),
        (values.seconds, "nan"),
        (values.megabytes, "lots"),
        (values.count, "-1"),
        (values.count, "1.5"),
        (values.pairs, "novalue"),
        (values.assignment, "novalue"),
        (values.assignment, "=x"),
        (values.choice("a", "b"), "c"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(parse, text):
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert repr(text) in str(caught.value)


def test_lists_may_have_blanks_around_commas():
    assert values.words("CheckWorkerNode, Install ,,Configure") == (
        "CheckWorkerNode",
        "Install",
        "Configure",
    )


def test_the_value_of_an_assignment_may_hold_anything():
    assert values.assignment("a=b=c,d") == ("a", "b=c,d")
    assert values.pairs("a=1, b=2") == {"a": "1", "b": "2"}


def test_the_nearest_name_is_offered_only_when_it_is_near():
    assert (
        values.did_you_mean("CheckWorkrNode", ["CheckWorkerNode", "Install"])
        == " (did you mean CheckWorkerNode?)"
    )
    assert values.did_you_mean("xyz", ["CheckWorkerNode"]) == ""


def test_a_name_may_hold_variables(monkeypatch):
    monkeypatch.setenv("JOB", "7")
    assert values.filled_name("p-${JOB}") == "p-7"
    monkeypatch.delenv("JOB")
    with pytest.raises(ValueError, match="is not a name"):
        values.filled_name("p-${JOB}")
