"""What modules use to collect lines and send them."""

from tests.conftest import extension, until

buffering = extension("pilot_dirac.buffering")


def test_a_full_buffer_is_sent_and_empty_again():
    sent = []
    buffer = buffering.FixedSizeBuffer(sent.append, bufsize=2, autoflush=0)
    buffer.write("a\n")
    assert (sent, buffer.getValue()) == ([], "a\n")
    buffer.write("b")
    assert (sent, buffer.getValue()) == (["a\nb"], "")
    buffer.write("c\n")
    buffer.flush()
    buffer.flush()
    assert sent == ["a\nb", "c\n"]
    buffer.cancelTimer()


def test_a_buffer_is_sent_by_a_timer():
    sent = []
    buffer = buffering.FixedSizeBuffer(sent.append, autoflush=0.01)
    buffer.write("a\n")
    until(lambda: sent == ["a\n"])
    buffer.cancelTimer()


def test_a_locked_method_holds_its_objects_lock():
    class Locked:
        _rlock = buffering.threading.RLock()

        @buffering.synchronized
        def is_held(self):
            """Its name stays."""
            return self._rlock._is_owned()

    assert Locked().is_held()
    assert Locked.is_held.__doc__ == "Its name stays."
