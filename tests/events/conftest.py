"""What the tests of events share."""

import logging

import pytest


@pytest.fixture
def heard():
    """Records of the pilot's loggers, of every level."""
    records = []

    class Ear(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger, ear = logging.getLogger("pilot"), Ear()
    level, propagates = logger.level, logger.propagate
    logger.addHandler(ear)
    logger.setLevel(logging.DEBUG)
    yield records
    logger.removeHandler(ear)
    logger.setLevel(level)
    logger.propagate = propagates


@pytest.fixture
def event():
    """Makes an event of this number and kind."""

    def make(seq, kind="x", text=""):
        return {"pilot": "p", "seq": seq, "time": "t", "event": kind, "text": text}

    return make
