"""Devices that are waited for, because their clock may have stepped back or may be far off, while fleet time is set."""

from devices.readings.models import Position
from rules.engine.clocks.candidates import Candidates
from rules.engine.clocks.doubts import Doubts
from rules.engine.device_state import DeviceState
from rules.engine.reorder_buffer import ReorderBuffer
from tests.rules.town import T0, town

DAY_MS = 86_400_000
FIVE_MIN_MS = 300_000
"""Every device is waited for so long (`candidates`, `doubts`)."""


def late(n: int) -> Position:
    return Position(device_id="T1", ts=T0 + n, lat=35.5, lon=112.8)


def device_state() -> DeviceState:
    state = DeviceState("T1", ReorderBuffer("T1"), [], [])
    state.clock.other = state.clock.offset - DAY_MS
    return state


def test_candidates_wait_no_longer_than_others_did_before_them() -> None:
    """The first were kept while fleet time was a day ahead, and taken; it was set before others came."""
    state, candidates, device = device_state(), Candidates(), town().devices["T1"]
    assert candidates.keep(late(0), state, device, T0 + DAY_MS)
    candidates.take(state)
    assert candidates.keep(late(1), state, device, T0)
    assert candidates.pop(T0 + FIVE_MIN_MS - 1) is None
    assert candidates.pop(T0 + FIVE_MIN_MS) is state


def test_a_doubt_ends_in_its_own_time_also_after_a_later_one() -> None:
    state, doubts, device = device_state(), Doubts(), town().devices["T1"]
    state.clock.doubtful = True
    doubts.wait(state, device, T0 + DAY_MS)
    doubts.wait(state, device, T0)
    assert doubts.pop(T0 + FIVE_MIN_MS - 1) is None
    assert doubts.pop(T0 + FIVE_MIN_MS) is state


def test_what_waits_when_fleet_time_is_set_goes_on_waiting_as_long() -> None:
    for by_ms in (-DAY_MS, DAY_MS):
        state, candidates, doubts, device = device_state(), Candidates(), Doubts(), town().devices["T1"]
        state.clock.doubtful = True
        candidates.keep(late(0), state, device, T0)
        doubts.wait(state, device, T0)
        state.time_was_set(T0 + by_ms, 0, by_ms)
        for waiting in (Candidates([state]), Doubts([state])):
            assert waiting.pop(T0 + by_ms + FIVE_MIN_MS - 1) is None
            assert waiting.pop(T0 + by_ms + FIVE_MIN_MS) is state
