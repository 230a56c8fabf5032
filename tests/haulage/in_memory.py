"""A night of haulage through judgement and the stores of the desk, in one process, at the pace of its own time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from devices.db.database import open_database
from devices.readings.models import Weighing
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules, overdue_at
from rules.engine.engine import RuleEngine
from rules.manifests import tables as manifest_tables
from rules.manifests.journal import ManifestJournal
from rules.manifests.store import ManifestStore
from rules.weighing import tables as weighing_tables
from rules.weighing.store import SessionStore
from simulators.haulage.night import Arrival, Night
from simulators.haulage.truth import OVERDUE, SHORTFALL
from tests.haulage.desk import People, found_at_desk, standing
from tests.haulage.found import Found

_TICK_MS: Final = 10_000
_DESK_MS: Final = 120_000
"""So often people act, and what they did and what was found of it pass between desk and judgement."""
_RULES: Final = frozenset({OVERDUE, SHORTFALL})
"""Those that manifests and weighings are for; all rules together take three times as long."""
_SESSIONS_EVERY: Final = 20
"""Tickets that make sessions together, as the task of the desk takes what came since the last time."""


class InMemory:
    """One installation without processes: engine, journal of manifests, sessions."""

    def __init__(self, night: Night, folder: Path) -> None:
        self.night = night
        self._database = open_database(f"sqlite:///{folder / 'night.db'}")
        for tables in (manifest_tables, weighing_tables):
            tables.metadata.create_all(self._database)
        rules = [rule for rule in build_rules() if rule.name in _RULES]
        self.engine = RuleEngine(night.city, rules)
        when_overdue = overdue_at(rules)
        self._manifests = ManifestStore(
            self._database, lambda: night.city, lambda terms, _: when_overdue(terms.depart_at, terms.arrive_by)
        )
        self._journal = ManifestJournal(self._database)
        self._sessions = SessionStore(self._database, lambda: night.city)
        self._people = People(self._manifests, night.papers)
        self._untaken: list[Weighing] = []
        self._alerts: list[AlertChange] = []
        self._taken = self._judged = 0
        self._heard = False
        """A reading came since the last tick."""

    def close(self) -> None:
        self._database.dispose()

    def run(self, arrivals: Iterable[Arrival]) -> Found:
        """Judge everything; the clock goes on for ten minutes after the last arrival."""
        now = self.night.begins_ms
        for arrival in arrivals:
            while now + _TICK_MS <= arrival.received_ms:
                now += _TICK_MS
                self._tick(now)
            self._judged, self._heard = self._judged + 1, True
            self.engine.receive(arrival.received_ms)
            self._note(self.engine.judge(arrival.reading))
            if isinstance(arrival.reading, Weighing):
                self._untaken.append(arrival.reading)
                if len(self._untaken) >= _SESSIONS_EVERY:
                    self._take(now)
        for _ in range(60):
            now += _TICK_MS
            self._tick(now)
        self._take(now)
        assert not self._people.waiting, self._people.waiting
        assert not self.engine.failures
        found = found_at_desk(self._manifests, self._sessions, self.night.city)
        return replace(found, alerts=standing(self._alerts))

    def _tick(self, now: int) -> None:
        self._judged += 1
        if not self._heard:
            self._note(self.engine.advance(_TICK_MS))
        self._heard = False
        if now % _DESK_MS < _TICK_MS:
            self._pass_on(now)

    def _pass_on(self, now: int) -> None:
        self._people.act(now)
        self._manifests.check_due(now)
        waiting = self._manifests.waiting(200)
        for one in waiting:
            self._note(self.engine.judge(one.action))
        if waiting:
            self._manifests.mark_appended([one.no for one in waiting])
        if moved := self.engine.take_moved_manifests():
            self._journal.record([(one, self._judged) for one in moved], "memory", now)

    def _note(self, changes: Iterable[AlertChange]) -> None:
        self._alerts += changes

    def _take(self, now: int) -> None:
        self._taken += 1
        self._sessions.take("night", self._taken, self._untaken, now)
        self._untaken = []


@contextmanager
def in_memory(night: Night, folder: Path) -> Iterator[InMemory]:
    opened = InMemory(night, folder)
    try:
        yield opened
    finally:
        opened.close()
