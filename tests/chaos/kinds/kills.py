"""Kills of processes at random moments, some while they are still starting."""

from dataclasses import replace
from typing import Final

from shapely.affinity import translate

from haulwatch.wiring.databases import open_registry
from tests.chaos.faults import Fault, Size
from tests.chaos.kinds.api_clients import Follower, answers_of, first_answers
from tests.chaos.yard import PROCESSES, Complaint, Yard

_SHARE_STARTING: Final = 0.25


def collector(yard: Yard, size: Size) -> None:
    """Messages that were not acknowledged are delivered again; those appended before the kill become duplicates."""
    _kill(yard, size, "collect")


def recorder(yard: Yard, size: Size) -> None:
    """The new recorder writes the outbox again, which changes nothing, and continues after it."""
    _kill(yard, size, "record")


def judge(yard: Yard, size: Size) -> None:
    """The new judge judges again from its checkpoint; the journal takes each change once."""
    _kill(yard, size, "judge")


def api(yard: Yard, size: Size) -> None:
    """Its clients are disconnected and no other process is affected. The new API gives the same answers, and a follower
    of the live stream misses no alert and receives none twice.
    """
    before = first_answers(yard)
    with Follower(yard).following() as follower:
        _kill(yard, size, "serve")
        yard.expect(yard.ready, "/readyz says ready", 20)
        last = yard.journal.last_sequence()
        yard.expect(lambda: follower.received[-1] >= last, "the follower receives all alerts", 20)
    if (difference := answers_of(yard).differs_from(before)) is not None:
        raise Complaint(f"the API answered otherwise before: {difference}")
    if follower.missed_or_repeated or not follower.disconnects:
        raise Complaint(f"disconnected {follower.disconnects} times, the follower received {follower.received}")


def anyone(yard: Yard, size: Size) -> None:
    """Any of them: several are down together."""
    for _ in range(size.kills_of_any):
        yard.rest(0.1, 1.6)
        yard.kill_and_start(yard.dice.choice(PROCESSES))


def judge_and_imports(yard: Yard, size: Size) -> None:
    """While no judge runs another city is imported: what came before is judged by the old one, also after the restart.

    In the other city every approved route lies 5 km away, so both raise other alerts. The journal must equal the raw
    log judged again by the revisions in it. An alert that came back in it is closed later from then on, so the next
    round begins anew.
    """
    yard.unjudged = range(yard.stream.start_ms, 1 << 62)  # an undisturbed run knows one city only
    moved = tuple(replace(route, line=translate(route.line, yoff=0.05)) for route in yard.city.routes)
    with open_registry(yard.settings) as registry:
        for city in (replace(yard.city, routes=moved), yard.city) * size.kills:
            yard.until_at_work("judge")
            yard.rest(0.0, 0.6)
            yard.kill("judge")
            yard.kills += 1
            registry.import_city(city)
            yard.rest(0.1, 1.0)
            yard.start("judge")


def _kill(yard: Yard, size: Size, name: str) -> None:
    for _ in range(size.kills):
        if yard.dice.random() < _SHARE_STARTING:
            yard.rest(0.0, 2.0)
        else:
            yard.until_at_work(name)
            yard.rest(0.0, 0.6)
        yard.kill_and_start(name)


FAULTS: Final = (
    Fault("kill -9 of the collector", collector),
    Fault("kill -9 of the recorder", recorder),
    Fault("kill -9 of the judge", judge),
    Fault("kill -9 of the judge, with imports between", judge_and_imports, last=True),
    Fault("kill -9 of the API", api),
    Fault("kill -9 of any of the four", anyone),
)
