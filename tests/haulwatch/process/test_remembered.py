"""An expensive answer is read once for all callers, and kept for a while."""

import pytest

from haulwatch.process.remembered import remembered
from ingest.recorder.state import StateUnavailable


def test_an_answer_is_kept_for_a_second() -> None:
    now, read = 100.0, 0

    def count() -> int:
        nonlocal read
        read += 1
        if read == 2:
            raise StateUnavailable("locked")
        return read

    ask = remembered(count, lambda: now)
    assert [ask(), ask()] == [1, 1]
    now += 1.0
    with pytest.raises(StateUnavailable):
        ask()
    assert [ask(), ask()] == [3, 3], "a failure is not kept"


def test_an_answer_that_takes_long_is_kept_longer() -> None:
    now, read = 100.0, 0

    def count() -> int:
        nonlocal now, read
        now, read = now + 2.0, read + 1
        return read

    ask = remembered(count, lambda: now)
    assert ask() == 1
    now += 19.9
    assert ask() == 1
    now += 0.1
    assert ask() == 2
