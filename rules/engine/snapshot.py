"""Rows of the engine's state: written and read back as MessagePack, by the fields of the classes.

The keys of a row ("lane", "track", "book", "late", "judged", "gaps", "amended", "clock", "candidates", "begun",
and a key for each rule) are on disk and stay.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import field
from msgspec.structs import astuple

from devices.readings.models import JUDGED_MODELS, Reading
from rules.alerts.limit import SubjectAlerts
from rules.compiled_annotations import restore_annotations
from rules.contract.rule import FleetRule, Rule
from rules.contract.verdicts import HeldVerdict
from rules.engine.clocks.device_clock import DeviceClock
from rules.engine.clocks.watermark import FleetWatermark
from rules.engine.device_state import FORMER, DeviceState
from rules.engine.incidents.machine import DeviceIncidents
from rules.engine.late.amendments import KeptIncidents
from rules.engine.late.late_readings import Gap, LateReadings
from rules.engine.late.reading_pack import FIELDS, Block, ReadingPack
from rules.engine.late.state_codec import ENCODER, Decoder, decoder, key_of
from rules.engine.reorder_buffer import UNNUMBERED, BufferedReading, ReorderBuffer
from rules.tracking.tracker import Tracker

FORMAT: Final = 4


class SnapshotUnusable(Exception):
    """The bytes were not written by this program: start with an empty engine and judge the log again."""


class Unsaved(NamedTuple):
    """Rows to be written in one transaction, so that an engine can go on from here."""

    fleet: bytes
    """Replaces the former one."""
    devices: Iterator[tuple[str, bytes]]
    """Rows that changed, in the order of their ids. To be read before the next reading is judged."""


class FleetRow(msgspec.Struct):
    """Everything that does not belong to one device or subject."""

    watermark: FleetWatermark = field(name="clock")
    held: list[HeldVerdict]
    serial: int
    failures: dict[str, int]
    """By rule."""
    memories: dict[str, Any]
    """Memories of the rules that compare devices, by name and version."""
    fields: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(FIELDS))
    """Fields of readings, in the order in which the rows of devices hold their values."""
    awaited: dict[str, int] = field(default_factory=dict)
    """Registered devices that were never heard: fleet time, ms, since which each is awaited."""
    limited: dict[str, SubjectAlerts] = field(default_factory=dict)
    """What was published of subjects that had many alerts, or some just now."""
    format: Literal[4] = FORMAT


_ReadingRow = tuple[int, str, list[Any]]
"""Fleet time of arrival (`BufferedReading.at`), kind, and the values of the reading."""


class _BufferRow(msgspec.Struct, array_like=True):
    newest: int
    open_from: int
    due: int
    waiting: list[_ReadingRow]
    sequence: int = UNNUMBERED
    """Former rows end before it."""
    may_be_weighed: bool = True


class _JudgedRow(msgspec.Struct, array_like=True):
    """What became of the device's readings."""

    judged_until: int
    judged: int
    not_judged: dict[str, int]
    given_up: int
    compartments: tuple[str, ...] = ()
    statuses: tuple[tuple[int, str], ...] = ()
    retained: tuple[tuple[int, str, str], ...] = ()


_PackRow = tuple[list[tuple[int, int, bytes]], list[bytes], int]
"""The fields of a pack down to `open_newest`."""


class _LateRow(msgspec.Struct, array_like=True):
    gaps: list[tuple[int, int, bytes]]
    judged: _PackRow
    backlog: _PackRow | None
    backlog_since: int
    due: int


class Rows:
    """Writes and reads rows for one set of rules and trackers.

    A rule's state is kept under its name and version; another version does not take it over.
    """

    def __init__(self, rules: Sequence[Rule[Any]], trackers: Sequence[Tracker[Any, Any]]) -> None:
        restore_annotations(type(rule).__module__ for rule in rules)
        self._rule_states = [(key_of(rule), decoder(rule.state)) for rule in rules]
        self._tracker_states = [(tracker.name, decoder(tracker.state)) for tracker in trackers]
        self._memories = {key_of(rule): decoder(rule.memory) for rule in rules if isinstance(rule, FleetRule)}
        self._fields = dict(FIELDS)
        self._fleet, self._incidents = decoder(FleetRow), decoder(DeviceIncidents)
        self._amended, self._clock = decoder(KeptIncidents), decoder(DeviceClock)

    @property
    def are_outdated(self) -> bool:
        """Readings in the loaded rows have other fields: write every device again before the next fleet row."""
        return self._fields != dict(FIELDS)

    def dump_fleet(self, row: FleetRow) -> bytes:
        return ENCODER.encode(row)

    def load_fleet(self, packed: bytes) -> FleetRow:
        """Raises SnapshotUnusable."""
        try:
            row: FleetRow = self._fleet.decode(packed)
            row.memories = {
                key: decoder.decode(ENCODER.encode(row.memories[key]))
                for key, decoder in self._memories.items()
                if key in row.memories
            }
            self._fields = row.fields
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"the fleet row is damaged, or was written by another version: {exc}") from exc
        return row

    def dump(
        self, device_state: DeviceState, incidents: DeviceIncidents | None, kept: KeptIncidents | None = None
    ) -> bytes:
        """One row: the state of a device, and the incidents of the subject with the same id, now and at its gaps."""
        members = _readings_members(device_state)
        for (key, _), state in zip(self._tracker_states, device_state.tracker_states, strict=True):
            if state is not None:
                members[key] = state
        if incidents is not None:
            members["book"] = incidents
        if kept is not None:
            members["amended"] = kept
        for (key, _), state in zip(self._rule_states, device_state.rule_states, strict=True):
            if state is not None:
                members[key] = state
        return ENCODER.encode(members)

    def load(self, device_id: str, packed: bytes) -> tuple[DeviceState, DeviceIncidents | None]:
        """The reverse of `dump`. Raises SnapshotUnusable."""
        try:
            members = _ROW.decode(packed)
            lane = _BUFFER.decode(members["lane"])
            device_state = DeviceState(
                device_id,
                self._buffer(device_id, lane),
                _states(self._rule_states, members),
                _states(self._tracker_states, members),
                _LATE.decode(members["late"]),
            )
            device_state.may_be_weighed = lane.may_be_weighed
            if "judged" in members:
                row = _JUDGED.decode(members["judged"])
                device_state.judged_until, device_state.judged = row.judged_until, row.judged
                device_state.not_judged, device_state.given_up = row.not_judged, row.given_up
                device_state.statuses, device_state.retained = row.statuses, row.retained
                device_state.compartments = row.compartments
            else:
                device_state.judged_until = FORMER
            if "clock" in members:
                device_state.clock = self._clock.decode(members["clock"])
            if "candidates" in members:
                due, readings = _CANDIDATES.decode(members["candidates"])
                device_state.candidates_due = due
                device_state.candidates = tuple(self._reading(kind, values) for kind, values in readings)
            if "begun" in members:
                device_state.rules_begun = _BEGUN.decode(members["begun"])
            if "gaps" in members:
                device_state.late_readings = self._late_readings(members["gaps"])
            incidents = self._incidents.decode(members["book"]) if "book" in members else None
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"the row of {device_id} cannot be read: {exc}") from exc
        return device_state, incidents

    def load_kept(self, packed: bytes) -> KeptIncidents | None:
        """The incidents at the gaps of a subject. Raises SnapshotUnusable."""
        try:
            members = _ROW.decode(packed)
            kept: KeptIncidents | None = self._amended.decode(members["amended"]) if "amended" in members else None
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"a row cannot be read: {exc}") from exc
        return kept

    def _late_readings(self, packed: msgspec.Raw) -> LateReadings:
        row = _LATE_READINGS.decode(packed)
        gaps = [Gap(start, opened_at, states) for start, opened_at, states in row.gaps]
        judged, backlog = self._pack(row.judged), self._pack(row.backlog) if row.backlog is not None else None
        return LateReadings(gaps, judged, backlog, row.backlog_since, row.due)

    def _pack(self, row: _PackRow) -> ReadingPack:
        blocks, packed, newest = row
        pack = ReadingPack(tuple(Block(*block) for block in blocks), packed, newest)
        if self.are_outdated:
            former, pack = pack.after(0, self._fields), ReadingPack()
            for buffered in former:
                pack.add(buffered)
        pack.measure()
        return pack

    def _buffer(self, device_id: str, row: _BufferRow) -> ReorderBuffer:
        return ReorderBuffer(device_id, row.newest, row.open_from, row.due, self._readings(row.waiting), row.sequence)

    def _readings(self, rows: Sequence[_ReadingRow]) -> list[BufferedReading]:
        found = []
        for at, kind, values in rows:
            reading = self._reading(kind, values)
            found.append(BufferedReading(reading.ts, at, reading))
        return found

    def _reading(self, kind: str, values: list[Any]) -> Reading:
        fields = dict(zip(self._fields[kind], values, strict=True))
        reading: Reading = msgspec.convert(fields, JUDGED_MODELS[kind])
        return reading


_NOT_OURS: Final = (ValueError, KeyError)  # msgspec's and pydantic's errors are ValueErrors


def _states(decoders: list[tuple[str, Decoder]], members: dict[str, msgspec.Raw]) -> list[Any]:
    return [state.decode(members[key]) if key in members else None for key, state in decoders]


def _readings_members(device_state: DeviceState) -> dict[str, Any]:
    """What waits of its readings, what became of the others, and by which clock they are."""
    buffer = device_state.buffer
    members: dict[str, Any] = {
        "late": device_state.late,
        "lane": (
            *(buffer.newest, buffer.open_from, buffer.due, _reading_rows(buffer.waiting), buffer.sequence),
            device_state.may_be_weighed,
        ),
    }
    if device_state.judged_until != FORMER or device_state.judged or device_state.not_judged:
        members["judged"] = (
            *(device_state.judged_until, device_state.judged, device_state.not_judged, device_state.given_up),
            device_state.compartments,
            device_state.statuses,
            device_state.retained,
        )
    if device_state.late_readings is not None:
        members["gaps"] = _late_row(device_state.late_readings)
    clock = device_state.clock
    if clock != _NEW_CLOCK:
        members["clock"] = clock
    if device_state.rules_begun:
        members["begun"] = device_state.rules_begun
    if device_state.candidates:
        readings = [(reading.kind, astuple(reading)) for reading in device_state.candidates]
        members["candidates"] = (device_state.candidates_due, readings)
    return members


def _late_row(late: LateReadings) -> tuple[Any, ...]:
    gaps = [(gap.start, gap.opened_at, gap.states) for gap in late.gaps]
    backlog = _pack_row(late.backlog) if late.backlog is not None else None
    return gaps, _pack_row(late.judged), backlog, late.backlog_since, late.due


def _pack_row(pack: ReadingPack) -> tuple[Any, ...]:
    blocks = [(block.newest, block.readings, block.packed) for block in pack.blocks]
    return blocks, pack.open, pack.open_newest


def _reading_rows(readings: Sequence[BufferedReading]) -> list[tuple[Any, ...]]:
    return [(entry.at, entry.reading.kind, astuple(entry.reading)) for entry in readings]


_NEW_CLOCK: Final = DeviceClock()
_ROW: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_BUFFER: Final = msgspec.msgpack.Decoder(_BufferRow)
_CANDIDATES: Final = msgspec.msgpack.Decoder(tuple[int, list[tuple[str, list[Any]]]])
_BEGUN: Final = msgspec.msgpack.Decoder(dict[str, int])
_LATE: Final = msgspec.msgpack.Decoder(int)
_JUDGED: Final = msgspec.msgpack.Decoder(_JudgedRow)
_LATE_READINGS: Final = msgspec.msgpack.Decoder(_LateRow)
