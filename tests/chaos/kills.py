"""Processes that are killed at random moments, some while they are still starting."""

from typing import Final

from tests.chaos.api_clients import Follower, answers_of, settled_answers
from tests.chaos.faults import Fault, Size
from tests.chaos.yard import PROCESSES, Complaint, Yard

_WHILE_STARTING: Final = 0.25


def collector(yard: Yard, size: Size) -> None:
    """What was not acknowledged is delivered again; what was appended before the kill is a duplicate then."""
    _kill(yard, size, "collect")


def recorder(yard: Yard, size: Size) -> None:
    """The new one writes the outbox again, which changes nothing, and goes on after it."""
    _kill(yard, size, "record")


def judge(yard: Yard, size: Size) -> None:
    """The new one judges again from its checkpoint; the journal takes each change once."""
    _kill(yard, size, "judge")


def api(yard: Yard, size: Size) -> None:
    """Its clients are cut off and nobody else notices; the new one gives the same answers, and who follows the alerts
    misses none and sees none twice."""
    asked_before = settled_answers(yard)
    with Follower(yard).following() as follower:
        _kill(yard, size, "serve")
        yard.expect(yard.ready, "/readyz says ready", 20)
        last = yard.journal.last_sequence()
        yard.expect(lambda: follower.seen[-1] >= last, "who follows the alerts is told of all", 20)
    if (asked_again := answers_of(yard)) != asked_before:
        raise Complaint(f"asked the same, the API said {asked_before} before and {asked_again} now")
    if follower.missed_or_twice or not follower.cut_off:
        raise Complaint(f"cut off {follower.cut_off} times, the follower of alerts saw {follower.seen}")


def anyone(yard: Yard, size: Size) -> None:
    """All of that at once: several are down together."""
    for _ in range(size.kills_of_any):
        yard.rest(0.1, 1.6)
        yard.kill_and_start(yard.dice.choice(PROCESSES))


def _kill(yard: Yard, size: Size, name: str) -> None:
    for _ in range(size.kills):
        if yard.dice.random() < _WHILE_STARTING:
            yard.rest(0.0, 2.0)
        else:
            yard.until_at_work(name)
            yard.rest(0.0, 0.6)
        yard.kill_and_start(name)


FAULTS: Final = (
    Fault("kill -9 of the collector", collector),
    Fault("kill -9 of the recorder", recorder),
    Fault("kill -9 of the judge", judge),
    Fault("kill -9 of the API", api),
    Fault("kill -9 of any of the four", anyone),
)
