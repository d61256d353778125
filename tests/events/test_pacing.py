"""When a sender sends its next batch, and how large it is."""

from pilot.events.pacing import Attempts, Gathering


def test_events_gather_until_they_are_enough_or_for_some_time():
    gathering = Gathering(3, 10.0)
    gathering.restart(100.0)
    gathering.add_weight(2)
    assert gathering.ready_at() == 110.0
    gathering.add_weight(1)
    assert gathering.ready_at() == 0.0
    gathering.restart(200.0)
    assert gathering.ready_at() == 210.0


def test_pauses_grow_to_the_last_and_begin_anew_after_a_success():
    attempts = Attempts(500, (1.0, 10.0))
    assert 0.75 <= attempts.note_failure() <= 1.25
    for _ in range(3):
        assert 7.5 <= attempts.note_failure() <= 12.5
    attempts.note_success()
    assert attempts.failures == 0
    assert 0.75 <= attempts.note_failure() <= 1.25


def test_a_refused_batch_is_halved_and_grows_again():
    attempts = Attempts(500, (1.0,))
    attempts.shrink_batch(500)
    assert attempts.batch_size == 250
    attempts.shrink_batch(3)
    assert attempts.batch_size == 1
    for _ in range(20):
        attempts.note_success()
    assert attempts.batch_size == 500
