"""Each rule of the catalogue, by its story: any order, repeats, late uploads and restarts end in the same alerts."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alerts.model import AlertChange, Amendment, Phase
from rules.catalogue import CATALOGUE, rule_names
from tests.examples import examples
from tests.rules.engine.test_any_order import MIXED, NEWEST, OLDEST, Record, Restart, Upload, as_records, play, uploaded
from tests.rules.stories import STORIES, TWO_HOURS_BEHIND, story_of
from tests.rules.town import T0, Trip

KEEPER = "T5"
"""A truck that no story is about: it reports all day, so that fleet time goes on."""
KEPT_MINUTES = 26 * 60
FROM_ARRIVAL = {"device_clock"}
"""Judged by when readings arrive: late ones are another story."""

Standing = set[tuple[str, str, int, str, str]]


def records(rule: str, uploads: dict[str, list[Upload]], seed: int) -> list[Record]:
    """All records of a day, in order of arrival. What no upload covers is sent when it is measured."""
    behind_ms = TWO_HOURS_BEHIND.get(rule, 0)
    arriving = [(at + behind_ms, reading) for at, reading in uploaded(story_of(rule), uploads, seed)]
    minutes = KEPT_MINUTES if uploads else (max(at for at, _ in arriving) - T0) // 60_000 + 60
    keeper = Trip(KEEPER, 500, 3_000, at_s=-60, every_s=300).stand(minutes * 60)
    arriving += [(reading.ts, reading) for reading in keeper.readings]
    return as_records(arriving)


def last_of(rule: str, sent: Sequence[Record], restarts: Sequence[Restart] = ()) -> list[AlertChange]:
    """Each alert as it stands in the end, with what ten minutes of silence end."""
    _, journal = play(sent, restarts, STORIES[rule][0], quiet_ticks=60)
    return journal.last()


def standing(last: Sequence[AlertChange]) -> Standing:
    """What stands in the end: rule, subject, beginning, severity, and whether it is over."""
    return {
        (change.rule, change.subject, _begun(change), str(change.severity), str(change.phase is Phase.CLOSED))
        for change in last
        if change.amendment is not Amendment.RETRACTED and change.subject != KEEPER
    }


def _begun(change: AlertChange) -> int:
    """When it began: a place, when the first truck stopped there, also where that was known last.

    A silence begins with the last reading that was known, which hours without a network may hold back.
    """
    if change.rule == "silent_device":
        return 0
    return change.opened_at if change.onset is None or change.rule != "suspected_site" else change.onset


@cache
def in_order(rule: str) -> frozenset[tuple[str, str, int, str, str]]:
    return frozenset(standing(last_of(rule, records(rule, {}, 0))))


def test_every_rule_has_its_story() -> None:
    assert list(STORIES) == [entry.name for entry in CATALOGUE]


@pytest.mark.parametrize("rule", rule_names())
def test_the_story_of_a_rule_leads_to_its_alert(rule: str) -> None:
    assert rule in {found[0] for found in in_order(rule)}


_kinds = st.sampled_from(["checkpoint", "restart", "kill"])
_restarts = st.lists(st.builds(Restart, st.integers(0, 999), _kinds), max_size=4)
_orders = st.sampled_from([OLDEST, NEWEST, MIXED])
_uploads = st.lists(
    st.builds(Upload, st.integers(0, 999), st.integers(75, 23 * 60), _orders, st.booleans()), max_size=3
)


@pytest.mark.parametrize("rule", rule_names())
@settings(max_examples=examples(3, exploring=20))
@given(restarts=_restarts, twice=st.booleans())
def test_restarts_at_any_message_and_repeats(rule: str, restarts: list[Restart], twice: bool) -> None:
    sent: list[Record] = [
        record for record in records(rule, {}, 0) for _ in range(1 + (twice and record[1] is not None))
    ]
    assert standing(last_of(rule, sent, restarts)) == in_order(rule)


@pytest.mark.long
@pytest.mark.parametrize("rule", [rule for rule in rule_names() if rule not in FROM_ARRIVAL])
@settings(max_examples=examples(3, exploring=20))
@given(uploads=st.lists(_uploads, min_size=4, max_size=4), restarts=_restarts, seed=st.integers(0, 1 << 16))
def test_uploads_up_to_a_day_late(rule: str, uploads: list[list[Upload]], restarts: list[Restart], seed: int) -> None:
    """Each device uploads parts of its story hours later, in any order, some of them again."""
    of_devices = dict(zip(story_of(rule), uploads, strict=False))
    assert standing(last_of(rule, records(rule, of_devices, seed), restarts)) == in_order(rule)
