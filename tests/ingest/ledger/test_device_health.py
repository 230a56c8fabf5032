"""Stories of a device's sequence numbers and clock, in the order of the raw log."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.device_health import MAX_RANGES, DeviceHealth, HealthSample, updated_health
from tests.ingest.recorder.parts import T0

MINUTE_MS = 60_000
QUARTZ_MS_PER_H = 72
"""20 parts per million."""


def live(numbers: Iterable[int], *, start: int = 0) -> list[HealthSample]:
    """One reading a second, received a second after it was measured; its device second is its index in the story."""
    return [(seq, T0 + second * 1000, T0 + second * 1000 + 1000) for second, seq in enumerate(numbers, start)]


def late(numbers: Iterable[int], *, measured: int, received: int) -> list[HealthSample]:
    return [(seq, T0 + (measured + n) * 1000, T0 + received * 1000) for n, seq in enumerate(numbers)]


def health_of(*stories: Sequence[HealthSample]) -> DeviceHealth:
    """Packed and unpacked after every reading."""
    packed = None
    for story in stories:
        for reading in story:
            packed = updated_health(packed, [reading])
    assert packed == updated_health(None, [reading for story in stories for reading in story]), (
        "batches make no difference"
    )
    return DeviceHealth(packed)


def test_it_begins_with_the_first_number_received() -> None:
    assert health_of(live([500, 501, 502])).gaps == 0


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [([1, 2, 5], 2), ([1, 5, 3], 2), ([1, 5, 2, 3, 4], 0), ([1, 2, 2, 1, 3], 0), ([1, 5, 3, 3, 3, 9], 5)],
)
def test_gaps_are_what_has_not_arrived_yet(numbers: list[int], gaps: int) -> None:
    story = [(seq, T0 + seq * 1000, T0 + 20_000) for seq in numbers]
    assert (health_of(story).gaps, health_of(story).resets) == (gaps, 0)


def test_a_device_that_numbers_nothing_has_neither_gaps_nor_resets_but_a_clock() -> None:
    health = health_of([(None, ts, received_at) for _, ts, received_at in live(range(1, 9))])
    assert (health.gaps, health.resets, health.clock_offset_ms) == (0, 0, 1000)


def test_a_counter_that_falls_back_while_time_goes_on_was_reset() -> None:
    health = health_of(live([100, 101, 104, 1, 2, 4]))
    assert (health.gaps, health.resets) == (3, 1)


def test_what_is_uploaded_late_from_before_a_reset_belongs_there() -> None:
    before, after = live([100, 101, 104]), live([1, 2], start=60)
    health = health_of(
        before, after, late([102], measured=2, received=70), late([105, 106, 108], measured=4, received=71)
    )
    assert (health.gaps, health.resets) == (2, 1), "103 and 107"


def test_a_message_delivered_again_is_no_reset() -> None:
    story = live(range(1, 50))
    assert (health_of(story, story[20:30], live([50], start=60)).resets, health_of(story, story).gaps) == (0, 0)


def test_a_clock_that_was_not_set_after_a_restart_delays_the_finding_only() -> None:
    unset: list[HealthSample] = [(seq, 946_684_800_000 + seq, T0 + 60_000) for seq in (1, 2, 3)]
    health = health_of(live(range(100, 110)), unset, live([4, 5, 6], start=61))
    assert (health.gaps, health.resets) == (0, 1)


def test_a_time_in_the_future_cannot_hide_the_resets_after_it() -> None:
    wrong: list[HealthSample] = [(110, T0 + 10**10, T0 + 20_000)]
    health = health_of(live(range(100, 110)), wrong, live([1, 2], start=60))
    assert (health.gaps, health.resets) == (0, 1)


def test_a_jump_beyond_the_bound_is_a_reset() -> None:
    health = health_of(live([1, 2, 2**52, 2**52 + 1, 3, 4]))
    assert (health.gaps, health.resets) == (0, 2)


def test_gaps_beyond_the_bound_stay_counted_but_close_no_more() -> None:
    last = 2 * (MAX_RANGES + 2)
    holed = live(range(1, last + 2, 2))
    assert health_of(holed).gaps == MAX_RANGES + 2
    assert health_of(holed, late([last - 2, last], measured=0, received=90)).gaps == MAX_RANGES
    assert health_of(holed, late([2, 4], measured=0, received=90)).gaps == MAX_RANGES + 2
    split = live(range(1, 10 * MAX_RANGES + 2, 10))
    assert health_of(split).gaps == 9 * MAX_RANGES
    assert health_of(split, late([5, 15], measured=0, received=90)).gaps == 9 * MAX_RANGES - 2
    assert health_of(split, late([5, 15, 2], measured=0, received=90)).gaps == 9 * MAX_RANGES - 2


def test_packed_health_stays_small_and_full_of_holes_too() -> None:
    packed = updated_health(None, [(n * 2, T0 + n * MINUTE_MS * 6, T0 + n * MINUTE_MS * 6) for n in range(1_000)])
    assert DeviceHealth(packed).gaps == 999
    assert len(packed) < 1_100


@given(st.permutations(range(40)), st.sets(st.integers(0, 39)))
def test_in_any_order_with_any_losses_the_gaps_are_those_between_first_and_last(
    order: list[int], lost: set[int]
) -> None:
    arrived = [seq for seq in order if seq not in lost]
    health = DeviceHealth(updated_health(None, [(seq, T0 + seq * 1000, T0 + 10**6) for seq in arrived]))
    if not arrived:
        assert health.gaps == 0
        return
    expected = [seq for seq in range(arrived[0], max(arrived)) if seq in lost]
    assert (health.gaps, health.resets) == (len(expected), 0), "what is older than the first received is no gap"


def clock_story(
    minutes: Iterable[int], *, behind_ms: int = 5_000, drift_ms_per_h: float = 0.0, delay_ms: int = 300
) -> list[HealthSample]:
    story: list[HealthSample] = []
    for minute in minutes:
        measured = T0 + minute * MINUTE_MS
        wrong_ms = behind_ms + round(drift_ms_per_h * minute / 60)
        story.append((None, measured - wrong_ms, measured + delay_ms))
    return story


def test_the_upload_of_a_buffer_does_not_move_the_clock() -> None:
    upload: list[HealthSample] = [(None, T0 + minute * MINUTE_MS, T0 + 90 * MINUTE_MS) for minute in range(30, 90)]
    health = health_of(clock_story(range(30)), upload, clock_story(range(90, 100)))
    assert health.clock_offset_ms == 5_300


def test_a_clock_that_was_set_shows_within_the_hour() -> None:
    assert health_of(clock_story(range(120)), clock_story(range(120, 150), behind_ms=0)).clock_offset_ms == 300


def test_drift_is_reported_once_there_are_enough_samples() -> None:
    assert health_of(clock_story(range(30), drift_ms_per_h=QUARTZ_MS_PER_H)).clock_drift_ms_per_h is None
    drift = health_of(clock_story(range(180), drift_ms_per_h=QUARTZ_MS_PER_H)).clock_drift_ms_per_h
    assert drift == pytest.approx(QUARTZ_MS_PER_H, abs=2)
    assert health_of(clock_story(range(180))).clock_drift_ms_per_h == 0


_SECOND = st.integers(0, 900).map(lambda second: T0 + second * 1000)


@given(st.lists(st.tuples(st.none() | st.integers(0, 12), st.none() | _SECOND, _SECOND), max_size=30))
def test_any_story_is_the_same_in_any_batches_and_never_owes_less_than_nothing(story: list[HealthSample]) -> None:
    health = health_of(story) if story else DeviceHealth()
    assert 0 <= health.gaps <= 12 * (health.resets + 1)
    assert health.resets <= len(story)


def test_hours_in_order_are_the_same_in_any_batches() -> None:
    """Longer than the spans that are kept, and with numbers missing before them."""
    story: list[HealthSample] = [(0, T0, T0), (3, T0 + 1000, T0 + 1000)]
    story += [(3 + n, T0 + n * MINUTE_MS, T0 + n * MINUTE_MS + 700 - n) for n in range(1, 200)]
    health = health_of(story)
    assert (health.gaps, health.clock_drift_ms_per_h) == (2, -60.0)
    assert health.clock_offset_ms == pytest.approx(700 - (199 - 45 / 2), abs=5), "the middle of the last 45 minutes"
    for size in (7, 50):
        packed = None
        for start in range(0, len(story), size):
            packed = updated_health(packed, story[start : start + size])
        assert packed == updated_health(None, story)
