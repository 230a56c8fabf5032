"""The rule engine: readings in, alert changes out. No clock, no network, no log.

    judge    reading → its device's lane → in order → track → rules → verdicts → incidents → changes

What rules say of one device depends on that device's readings alone, in device time. What compares devices waits until
fleet time has passed (`rules.reorder.HOLD_MS`) and is then settled in one order over all devices. So the alerts are the
same whatever order readings arrive in, as long as none comes after one that is more than `WINDOW_MS` newer.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from devices.city import City, Device, DeviceRole
from devices.readings import Reading, Weighing
from rules.alerts import AlertChange
from rules.clock import FleetClock
from rules.incidents import IncidentBook
from rules.reorder import HOLD_MS, Heard, Lane, heard
from rules.rule import FleetRule, Rule, Step
from rules.tracking import Track, follow
from rules.verdicts import Verdict

AnyRule = Rule[Any]

TRACKING: Final = "tracking"
"""Name under which failures of the tracking all rules share are counted."""
_FORMAT: Final = 1
_CLOCK: Final = TypeAdapter(FleetClock)
_TRACKS: Final = TypeAdapter(dict[str, Track])
_BOOK: Final = TypeAdapter(IncidentBook)
_HELD: Final = TypeAdapter(list[tuple[int, str, str, str, int, Verdict]])


class SnapshotUnusable(Exception):
    """The bytes are not a snapshot of this program: start from nothing and judge the log again."""


class _Held(NamedTuple):
    """A verdict that waits for fleet time; ordered by its first five fields, which no two share."""

    at: int
    rule: str
    subject: str
    part: str
    serial: int
    verdict: Verdict


class RuleEngine:
    """Judges readings that were admitted. One thread; deterministic; everything it knows is in `snapshot()`."""

    def __init__(self, city: City, rules: Sequence[AnyRule]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._adapters: dict[str, TypeAdapter[Any]] = {rule.name: TypeAdapter(rule.state) for rule in rules}
        self._by_role = {role: [rule for rule in rules if role in rule.roles] for role in DeviceRole}
        self.failures: Counter[str] = Counter()
        """Readings a rule raised on, by rule name. The rule's state of that device was reset; the others went on."""
        self.late: Counter[str] = Counter()
        """Readings that came too late to be put in order, by device."""
        self._clear()
        self.replace_city(city)

    def _clear(self) -> None:
        self._clock = FleetClock()
        self._lanes: dict[str, Lane] = {}
        self._tracks: dict[str, Track] = {}
        self._states: dict[str, dict[str, Any]] = {name: {} for name in self._rules}
        self._memories = {name: rule.memory() for name, rule in self._rules.items() if isinstance(rule, FleetRule)}
        self._book = IncidentBook()
        self._held: list[_Held] = []
        self._serial = 0
        self._flush_at: list[tuple[int, str]] = []
        self._expire_at: list[tuple[int, str, str]] = []
        self._expires: dict[tuple[str, str], int] = {}

    @property
    def fleet_time(self) -> int:
        """Device time, ms, of the fleet; 0 before the first reading."""
        return self._clock.now

    def replace_city(self, city: City) -> None:
        """Judge against another revision of the city from the next reading on."""
        self._city = city
        self._trucks_of_plate: dict[str, list[Device]] = {}
        for _, device in sorted(city.devices.items()):
            vehicle = city.vehicles.get(device.vehicle_id) if device.vehicle_id is not None else None
            if device.role is DeviceRole.TRUCK and vehicle is not None:
                self._trucks_of_plate.setdefault(vehicle.plate, []).append(device)

    def judge(self, reading: Reading) -> list[AlertChange]:
        """Take in a reading that was admitted, and say what changed for people."""
        changes: list[AlertChange] = []
        device_id = reading.device_id
        self._clock.heard(device_id, reading.ts)
        self._arrive(reading, device_id, changes)
        if isinstance(reading, Weighing) and reading.plate is not None:
            terminals = self._trucks_of_plate.get(reading.plate, ())
            valid = next((device.id for device in terminals if device.validity.covers(reading.ts)), None)
            if valid is not None:
                self._arrive(reading, valid, changes)
        self._fleet_time_passed(changes)
        return changes

    def advance(self, quiet_ms: int) -> list[AlertChange]:
        """Nothing was heard from any device for so long: what only silence can show."""
        changes: list[AlertChange] = []
        self._clock.quiet(quiet_ms)
        self._fleet_time_passed(changes)
        return changes

    def snapshot(self) -> bytes:
        """Everything the engine knows, as JSON; the city and the parameters are not in it."""
        rules = {
            name: _object(
                {
                    "version": b"%d" % rule.version,
                    "states": _object(
                        {
                            device_id: self._adapters[name].dump_json(state)
                            for device_id, state in self._states[name].items()
                        }
                    ),
                    "memory": _dump_memory(rule, self._memories.get(name)),
                }
            )
            for name, rule in self._rules.items()
        }
        return _object(
            {
                "format": b"%d" % _FORMAT,
                "clock": _CLOCK.dump_json(self._clock),
                "lanes": _object({device_id: lane.dump() for device_id, lane in self._lanes.items()}),
                "tracks": _TRACKS.dump_json(self._tracks),
                "rules": _object(rules),
                "book": _BOOK.dump_json(self._book),
                "held": _HELD.dump_json(self._held),  # type: ignore[arg-type]
                "serial": b"%d" % self._serial,
                "failures": json.dumps(self.failures).encode(),
                "late": json.dumps(self.late).encode(),
            }
        )

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot. A rule of another version begins with an empty state. Raises SnapshotUnusable."""
        self._clear()
        try:
            said = json.loads(snapshot)
            if said["format"] != _FORMAT:
                raise SnapshotUnusable(f"snapshot of format {said['format']}, this program writes {_FORMAT}")
            self._clock = _CLOCK.validate_python(said["clock"])
            self._lanes = {device_id: Lane.load(lane) for device_id, lane in said["lanes"].items()}
            self._tracks = _TRACKS.validate_python(said["tracks"])
            self._book = _BOOK.validate_python(said["book"])
            self._held = [_Held(*held) for held in _HELD.validate_python(said["held"]) if held[1] in self._rules]
            self._serial = said["serial"]
            self.failures, self.late = Counter(said["failures"]), Counter(said["late"])
            for name, kept in said["rules"].items():
                self._restore_rule(name, kept)
        except (KeyError, TypeError, ValueError, ValidationError) as exc:
            self._clear()
            raise SnapshotUnusable(f"not a snapshot of this program: {exc}") from exc
        heapify(self._held)
        self._flush_at = [(lane.due, device_id) for device_id, lane in self._lanes.items() if lane.due]
        heapify(self._flush_at)
        for name, states in self._states.items():
            for device_id, state in states.items():
                self._schedule(self._rules[name], device_id, state)

    def _restore_rule(self, name: str, kept: dict[str, Any]) -> None:
        rule = self._rules.get(name)
        if rule is None or kept["version"] != rule.version:
            return
        adapter = self._adapters[name]
        self._states[name] = {device_id: adapter.validate_python(state) for device_id, state in kept["states"].items()}
        if isinstance(rule, FleetRule):
            self._memories[name] = TypeAdapter(rule.memory).validate_python(kept["memory"])

    def _arrive(self, reading: Reading, device_id: str, changes: list[AlertChange]) -> None:
        lane = self._lanes.get(device_id)
        if lane is None:
            lane = self._lanes[device_id] = Lane()
        was_due = lane.due
        released = lane.arrive(reading, self._clock.now, own=reading.device_id == device_id)
        if released is None:
            self.late[device_id] += 1
            self._judge_late(reading, device_id, changes)
            return
        if lane.due and not was_due:
            heappush(self._flush_at, (lane.due, device_id))
        self._judge_in_order(released, device_id, changes)

    def _judge_in_order(self, released: Iterable[Heard], device_id: str, changes: list[AlertChange]) -> None:
        for reading, heard_at in released:
            device = self._city.device(device_id, reading.ts)
            if device is None:  # taken out of the city while its readings waited
                continue
            track, fix = None, None
            if device.role is DeviceRole.TRUCK:
                track = self._tracks.get(device_id)
                if track is None:
                    track = self._tracks[device_id] = Track()
                try:
                    fix = follow(track, reading, device, self._city)
                except Exception:  # noqa: BLE001 - a reading that breaks tracking must not stop judgement
                    self.failures[TRACKING] += 1
                    del self._tracks[device_id]
                    continue
            step = Step(reading, heard_at, device, self._city, track, fix)
            for rule in self._by_role[device.role]:
                state = self._state(rule, device_id)
                try:
                    verdicts = tuple(rule.judge(step, state))
                except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
                    self._failed(rule, device_id)
                    continue
                self._say(rule, verdicts, changes)
                self._schedule(rule, device_id, state)

    def _judge_late(self, reading: Reading, device_id: str, changes: list[AlertChange]) -> None:
        device = self._city.device(device_id, reading.ts)
        if device is None:
            return
        heard_at = heard(reading, self._clock.now).at
        step = Step(reading, heard_at, device, self._city, self._tracks.get(device_id), None)
        for rule in self._by_role[device.role]:
            state = self._state(rule, device_id)
            try:
                verdicts = tuple(rule.judge_late(step, state))
            except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
                self._failed(rule, device_id)
                continue
            self._say(rule, verdicts, changes)
            self._schedule(rule, device_id, state)

    def _fleet_time_passed(self, changes: list[AlertChange]) -> None:
        """Let go what waited for fleet time: readings, then silences, then comparisons, in this order."""
        now = self._clock.now
        while self._flush_at and self._flush_at[0][0] <= now:
            _, device_id = heappop(self._flush_at)
            lane = self._lanes[device_id]
            self._judge_in_order(lane.flush(now), device_id, changes)
            if lane.due:
                heappush(self._flush_at, (lane.due, device_id))
        settled = now - HOLD_MS
        while self._expire_at and self._expire_at[0][0] <= settled:
            self._expire(*heappop(self._expire_at), changes)
        while self._held and self._held[0].at <= settled:
            held = heappop(self._held)
            self._settle(held, changes)

    def _expire(self, due: int, name: str, device_id: str, changes: list[AlertChange]) -> None:
        if self._expires.get((name, device_id)) != due:
            return
        del self._expires[name, device_id]
        rule, device = self._rules[name], self._city.devices.get(device_id)
        if device is None:
            return
        state = self._state(rule, device_id)
        if rule.due(state) == due:
            try:
                verdicts = tuple(rule.expire(device, state))
            except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
                self._failed(rule, device_id)
                return
            self._say(rule, verdicts, changes)
        self._schedule(rule, device_id, state)

    def _schedule(self, rule: AnyRule, device_id: str, state: Any) -> None:
        """Have one entry in the queue no later than the rule's due time; it is put right when it comes up."""
        due = rule.due(state)
        if due is None:
            return
        known = self._expires.get((rule.name, device_id))
        if known is None or due < known:
            self._expires[rule.name, device_id] = due
            heappush(self._expire_at, (due, rule.name, device_id))

    def _say(self, rule: AnyRule, verdicts: tuple[Verdict, ...], changes: list[AlertChange]) -> None:
        for verdict in verdicts:
            if isinstance(rule, FleetRule):
                self._serial += 1
                held = _Held(verdict.at, rule.name, verdict.subject, verdict.part, self._serial, verdict)
                heappush(self._held, held)
            else:
                changes += self._book.take(rule.name, rule.version, verdict)

    def _settle(self, held: _Held, changes: list[AlertChange]) -> None:
        rule = self._rules[held.rule]
        if not isinstance(rule, FleetRule):
            return
        try:
            verdicts = tuple(rule.settle(held.verdict, self._memories[rule.name], self._city))
        except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
            self.failures[rule.name] += 1
            self._memories[rule.name] = rule.memory()
            return
        for verdict in verdicts:
            changes += self._book.take(rule.name, rule.version, verdict)

    def _state(self, rule: AnyRule, device_id: str) -> Any:
        states = self._states[rule.name]
        state = states.get(device_id)
        if state is None:
            state = states[device_id] = rule.state()
        return state

    def _failed(self, rule: AnyRule, device_id: str) -> None:
        self.failures[rule.name] += 1
        self._states[rule.name].pop(device_id, None)


def _dump_memory(rule: AnyRule, memory: object) -> bytes:
    return TypeAdapter(rule.memory).dump_json(memory) if isinstance(rule, FleetRule) else b"null"


def _object(members: Mapping[str, bytes]) -> bytes:
    """A JSON object of members that are JSON already: three times as fast as through Python's own values."""
    return b"{%s}" % b",".join(b"%s:%s" % (json.dumps(name).encode(), value) for name, value in members.items())
