"""Rows of the engine's state: written and read back as MessagePack, by the fields of the classes.

The keys of a row ("lane", "track", "book", "late", and a key for each rule) are on disk and stay.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import field
from msgspec.structs import astuple
from pydantic import BaseModel

from devices.readings.models import MODELS, Kind
from rules.contract.rule import FleetRule, Rule
from rules.contract.verdicts import HeldVerdict
from rules.engine.compiled_annotations import restore_annotations
from rules.engine.device_state import DeviceState
from rules.engine.incidents import DeviceIncidents
from rules.engine.reorder_buffer import BufferedReading, ReorderBuffer
from rules.engine.watermark import FleetWatermark
from rules.tracking.tracker import Tracker

FORMAT: Final = 4
_FIELDS: Final = {kind: model.__struct_fields__ for kind, model in MODELS.items()}


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
    fields: dict[Kind, tuple[str, ...]] = field(default_factory=lambda: dict(_FIELDS))
    """Fields of readings, in the order in which the rows of devices hold their values."""
    awaited: dict[str, int] = field(default_factory=dict)
    """Registered devices that were never heard: fleet time, ms, since which each is awaited."""
    format: Literal[4] = FORMAT


class _BufferRow(msgspec.Struct, array_like=True):
    newest: int
    open_from: int
    due: int
    waiting: list[tuple[int, Kind, list[Any]]]
    """Fleet time of arrival (`BufferedReading.at`), kind, and the values of the reading."""


class Rows:
    """Writes and reads rows for one set of rules and trackers.

    A rule's state is kept under its name and version; another version does not take it over.
    """

    def __init__(self, rules: Sequence[Rule[Any]], trackers: Sequence[Tracker[Any, Any]]) -> None:
        restore_annotations(type(rule).__module__ for rule in rules)
        self._rule_states = [(_key(rule), _decoder(rule.state)) for rule in rules]
        self._tracker_states = [(tracker.name, _decoder(tracker.state)) for tracker in trackers]
        self._memories = {_key(rule): _decoder(rule.memory) for rule in rules if isinstance(rule, FleetRule)}
        self._fields = _FIELDS
        self._fleet, self._incidents = _decoder(FleetRow), _decoder(DeviceIncidents)

    @property
    def are_outdated(self) -> bool:
        """Readings in the loaded rows have other fields: write every device again before the next fleet row."""
        return self._fields != _FIELDS

    def dump_fleet(self, row: FleetRow) -> bytes:
        return _ENCODER.encode(row)

    def load_fleet(self, packed: bytes) -> FleetRow:
        """Raises SnapshotUnusable."""
        try:
            row: FleetRow = self._fleet.decode(packed)
            row.memories = {
                key: decoder.decode(_ENCODER.encode(row.memories[key]))
                for key, decoder in self._memories.items()
                if key in row.memories
            }
            self._fields = row.fields
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"the fleet row is damaged, or was written by another version: {exc}") from exc
        return row

    def dump(self, device_state: DeviceState, incidents: DeviceIncidents | None) -> bytes:
        """One row: the state of a device, and the incidents of the subject with the same id."""
        buffer = device_state.buffer
        waiting = [(entry.at, entry.reading.kind, astuple(entry.reading)) for entry in buffer.waiting]
        members: dict[str, Any] = {
            "late": device_state.late,
            "lane": (buffer.newest, buffer.open_from, buffer.due, waiting),
        }
        for (key, _), state in zip(self._tracker_states, device_state.tracker_states, strict=True):
            if state is not None:
                members[key] = state
        if incidents is not None:
            members["book"] = incidents
        for (key, _), state in zip(self._rule_states, device_state.rule_states, strict=True):
            if state is not None:
                members[key] = state
        return _ENCODER.encode(members)

    def load(self, device_id: str, packed: bytes) -> tuple[DeviceState, DeviceIncidents | None]:
        """The reverse of `dump`. Raises SnapshotUnusable."""
        try:
            members = _ROW.decode(packed)
            device_state = DeviceState(
                device_id,
                self._buffer(device_id, members["lane"]),
                _states(self._rule_states, members),
                _states(self._tracker_states, members),
                _LATE.decode(members["late"]),
            )
            incidents = self._incidents.decode(members["book"]) if "book" in members else None
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"the row of {device_id} cannot be read: {exc}") from exc
        return device_state, incidents

    def _buffer(self, device_id: str, packed: msgspec.Raw) -> ReorderBuffer:
        row = _BUFFER.decode(packed)
        waiting = []
        for at, kind, values in row.waiting:
            reading = msgspec.convert(dict(zip(self._fields[kind], values, strict=True)), MODELS[kind])
            waiting.append(BufferedReading(reading.ts, at, reading))
        return ReorderBuffer(device_id, row.newest, row.open_from, row.due, waiting)


_Decoder = msgspec.msgpack.Decoder[Any]
_NOT_OURS: Final = (ValueError, KeyError)  # msgspec's and pydantic's errors are ValueErrors


def _states(decoders: list[tuple[str, _Decoder]], members: dict[str, msgspec.Raw]) -> list[Any]:
    return [decoder.decode(members[key]) if key in members else None for key, decoder in decoders]


def _key(rule: Rule[Any]) -> str:
    return f"{rule.name}/{rule.version}"


def _encode_model(value: Any) -> Any:
    """Texts and evidence of alerts are pydantic models, which the API describes."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a {type(value).__name__} cannot be written to a row")


def _decode_model(wanted: type, value: Any) -> Any:
    if issubclass(wanted, BaseModel):
        return wanted.model_validate(value)
    raise NotImplementedError(f"a {wanted.__name__} cannot be read from a row")


def _decoder(wanted: Any) -> _Decoder:
    return msgspec.msgpack.Decoder(wanted, dec_hook=_decode_model)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_model)
_ROW: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_BUFFER: Final = msgspec.msgpack.Decoder(_BufferRow)
_LATE: Final = msgspec.msgpack.Decoder(int)
