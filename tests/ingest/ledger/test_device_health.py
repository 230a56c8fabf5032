"""Stories of a device's numbers and clock, told in the order of the raw log."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.device_health import MAX_RANGES, DeviceHealth, Heard, heard
from tests.ingest.recorder.parts import T0

MINUTE_MS = 60_000
QUARTZ_MS_PER_H = 72
"""20 parts per million."""


def live(numbers: Iterable[int], *, start: int = 0) -> list[Heard]:
    """One reading a second, heard a second after it was taken; its device second is its place in the story."""
    return [(seq, T0 + second * 1000, T0 + second * 1000 + 1000) for second, seq in enumerate(numbers, start)]


def late(numbers: Iterable[int], *, taken: int, received: int) -> list[Heard]:
    return [(seq, T0 + (taken + n) * 1000, T0 + received * 1000) for n, seq in enumerate(numbers)]


def watch(*stories: Sequence[Heard]) -> DeviceHealth:
    """Packed and unpacked after every reading."""
    packed = None
    for story in stories:
        for reading in story:
            packed = heard(packed, [reading])
    assert packed == heard(None, [reading for story in stories for reading in story]), "batches make no difference"
    return DeviceHealth(packed)


def test_it_begins_with_the_first_number_heard() -> None:
    assert watch(live([500, 501, 502])).gaps == 0


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [([1, 2, 5], 2), ([1, 5, 3], 2), ([1, 5, 2, 3, 4], 0), ([1, 2, 2, 1, 3], 0), ([1, 5, 3, 3, 3, 9], 5)],
)
def test_gaps_are_what_has_not_arrived_yet(numbers: list[int], gaps: int) -> None:
    story = [(seq, T0 + seq * 1000, T0 + 20_000) for seq in numbers]
    assert (watch(story).gaps, watch(story).resets) == (gaps, 0)


def test_a_device_that_numbers_nothing_has_neither_gaps_nor_resets_but_a_clock() -> None:
    known = watch([(None, ts, received_at) for _, ts, received_at in live(range(1, 9))])
    assert (known.gaps, known.resets, known.clock_offset_ms) == (0, 0, 1000)


def test_a_counter_that_falls_back_while_time_goes_on_was_reset() -> None:
    known = watch(live([100, 101, 104, 1, 2, 4]))
    assert (known.gaps, known.resets) == (3, 1)


def test_what_is_uploaded_late_from_before_a_reset_belongs_there() -> None:
    before, after = live([100, 101, 104]), live([1, 2], start=60)
    known = watch(before, after, late([102], taken=2, received=70), late([105, 106, 108], taken=4, received=71))
    assert (known.gaps, known.resets) == (2, 1), "103 and 107"


def test_a_message_delivered_again_is_no_reset() -> None:
    story = live(range(1, 50))
    assert (watch(story, story[20:30], live([50], start=60)).resets, watch(story, story).gaps) == (0, 0)


def test_a_clock_that_was_not_set_after_a_restart_delays_the_finding_only() -> None:
    unset: list[Heard] = [(seq, 946_684_800_000 + seq, T0 + 60_000) for seq in (1, 2, 3)]
    known = watch(live(range(100, 110)), unset, live([4, 5, 6], start=61))
    assert (known.gaps, known.resets) == (0, 1)


def test_a_time_in_the_future_cannot_hide_the_resets_after_it() -> None:
    wrong: list[Heard] = [(110, T0 + 10**10, T0 + 20_000)]
    known = watch(live(range(100, 110)), wrong, live([1, 2], start=60))
    assert (known.gaps, known.resets) == (0, 1)


def test_a_jump_beyond_reason_is_a_counter_set_anew() -> None:
    known = watch(live([1, 2, 2**52, 2**52 + 1, 3, 4]))
    assert (known.gaps, known.resets) == (0, 2)


def test_gaps_beyond_the_bound_stay_counted_but_close_no_more() -> None:
    last = 2 * (MAX_RANGES + 2)
    holed = live(range(1, last + 2, 2))
    assert watch(holed).gaps == MAX_RANGES + 2
    assert watch(holed, late([last - 2, last], taken=0, received=90)).gaps == MAX_RANGES
    assert watch(holed, late([2, 4], taken=0, received=90)).gaps == MAX_RANGES + 2
    split = live(range(1, 10 * MAX_RANGES + 2, 10))
    assert watch(split).gaps == 9 * MAX_RANGES
    assert watch(split, late([5, 15], taken=0, received=90)).gaps == 9 * MAX_RANGES - 2
    assert watch(split, late([5, 15, 2], taken=0, received=90)).gaps == 9 * MAX_RANGES - 2


def test_a_packed_watch_stays_small_and_full_of_holes_too() -> None:
    packed = heard(None, [(n * 2, T0 + n * MINUTE_MS * 6, T0 + n * MINUTE_MS * 6) for n in range(1_000)])
    assert DeviceHealth(packed).gaps == 999
    assert len(packed) < 1_100


@given(st.permutations(range(40)), st.sets(st.integers(0, 39)))
def test_in_any_order_with_any_losses_the_gaps_are_those_between_first_and_last(
    order: list[int], lost: set[int]
) -> None:
    arrived = [seq for seq in order if seq not in lost]
    known = DeviceHealth(heard(None, [(seq, T0 + seq * 1000, T0 + 10**6) for seq in arrived]))
    if not arrived:
        assert known.gaps == 0
        return
    expected = [seq for seq in range(arrived[0], max(arrived)) if seq in lost]
    assert (known.gaps, known.resets) == (len(expected), 0), "what is older than the first heard is no gap"


def clock_story(
    minutes: Iterable[int], *, behind_ms: int = 5_000, drift_ms_per_h: float = 0.0, delay_ms: int = 300
) -> list[Heard]:
    story: list[Heard] = []
    for minute in minutes:
        taken = T0 + minute * MINUTE_MS
        wrong_ms = behind_ms + round(drift_ms_per_h * minute / 60)
        story.append((None, taken - wrong_ms, taken + delay_ms))
    return story


def test_the_upload_of_a_buffer_does_not_move_the_clock() -> None:
    upload: list[Heard] = [(None, T0 + minute * MINUTE_MS, T0 + 90 * MINUTE_MS) for minute in range(30, 90)]
    known = watch(clock_story(range(30)), upload, clock_story(range(90, 100)))
    assert known.clock_offset_ms == 5_300


def test_a_clock_that_was_set_shows_within_the_hour() -> None:
    assert watch(clock_story(range(120)), clock_story(range(120, 150), behind_ms=0)).clock_offset_ms == 300


def test_drift_is_told_once_there_is_enough_to_tell_it_from() -> None:
    assert watch(clock_story(range(30), drift_ms_per_h=QUARTZ_MS_PER_H)).clock_drift_ms_per_h is None
    drift = watch(clock_story(range(180), drift_ms_per_h=QUARTZ_MS_PER_H)).clock_drift_ms_per_h
    assert drift == pytest.approx(QUARTZ_MS_PER_H, abs=2)
    assert watch(clock_story(range(180))).clock_drift_ms_per_h == 0


_SECOND = st.integers(0, 900).map(lambda second: T0 + second * 1000)


@given(st.lists(st.tuples(st.none() | st.integers(0, 12), st.none() | _SECOND, _SECOND), max_size=30))
def test_any_story_is_the_same_in_any_batches_and_never_owes_less_than_nothing(story: list[Heard]) -> None:
    known = watch(story) if story else DeviceHealth()
    assert 0 <= known.gaps <= 12 * (known.resets + 1)
    assert known.resets <= len(story)


def test_hours_in_order_are_the_same_in_any_batches() -> None:
    """Longer than the spans that are kept, and with numbers missing before them."""
    story: list[Heard] = [(0, T0, T0), (3, T0 + 1000, T0 + 1000)]
    story += [(3 + n, T0 + n * MINUTE_MS, T0 + n * MINUTE_MS + 700 - n) for n in range(1, 200)]
    known = watch(story)
    assert (known.gaps, known.clock_drift_ms_per_h) == (2, -60.0)
    assert known.clock_offset_ms == pytest.approx(700 - (199 - 45 / 2), abs=5), "the middle of the last 45 minutes"
    for size in (7, 50):
        packed = None
        for start in range(0, len(story), size):
            packed = heard(packed, story[start : start + size])
        assert packed == heard(None, story)
