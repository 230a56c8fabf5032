"""How what the engine knows is written down as rows, and read back: MessagePack, by the classes' fields."""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import field
from msgspec.structs import astuple
from pydantic import BaseModel

from devices.readings.models import MODELS, Kind
from rules.contract.rule import FleetRule, Rule
from rules.contract.verdicts import HeldVerdict
from rules.engine.device_state import DeviceState
from rules.engine.incidents import DeviceIncidents
from rules.engine.reorder_buffer import BufferedReading, ReorderBuffer
from rules.engine.watermark import FleetWatermark
from rules.tracking import Track

FORMAT: Final = 4
_FIELDS: Final = {kind: model.__struct_fields__ for kind, model in MODELS.items()}


class SnapshotUnusable(Exception):
    """The bytes were not written by this program: start from nothing and judge the log again."""


class Unsaved(NamedTuple):
    """What must be written down, in one transaction, so that an engine can go on from here."""

    fleet: bytes
    """In place of the one before."""
    devices: Iterator[tuple[str, bytes]]
    """Rows of those devices that changed, in the order of their ids. To be read before the next reading."""


class FleetRow(msgspec.Struct):
    """What the engine knows besides its dossiers."""

    clock: FleetWatermark
    held: list[HeldVerdict]
    serial: int
    failures: dict[str, int]
    """By rule."""
    memories: dict[str, Any]
    """Of fleet rules, by name and version."""
    fields: dict[Kind, tuple[str, ...]] = field(default_factory=lambda: dict(_FIELDS))
    """Of readings that wait, in the order in which the dossiers' rows have their values."""
    format: Literal[4] = FORMAT


class _LaneRow(msgspec.Struct, array_like=True):
    newest: int
    open_from: int
    due: int
    waiting: list[tuple[int, Kind, list[Any]]]
    """When the fleet knew of it, and a reading's values."""


class Rows:
    """Rows of one set of rules. A rule's state is kept under its version, and not taken over by another."""

    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        for module in _modules_of(rules):
            _restore_annotations(module)
        self._states = [(_key(rule), _decoder(rule.state)) for rule in rules]
        self._memories = {_key(rule): _decoder(rule.memory) for rule in rules if isinstance(rule, FleetRule)}
        self._fields = _FIELDS
        self._fleet, self._track, self._book = _decoder(FleetRow), _decoder(Track), _decoder(DeviceIncidents)

    @property
    def are_outdated(self) -> bool:
        """What was loaded has readings with other fields: before the next fleet row every dossier is to be written."""
        return self._fields != _FIELDS

    def dump_fleet(self, row: FleetRow) -> bytes:
        return _ENCODER.encode(row)

    def load_fleet(self, row: bytes) -> FleetRow:
        """Raises SnapshotUnusable."""
        try:
            said: FleetRow = self._fleet.decode(row)
            said.memories = {
                key: decoder.decode(_ENCODER.encode(said.memories[key]))
                for key, decoder in self._memories.items()
                if key in said.memories
            }
            self._fields = said.fields
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"it is damaged, or was written by another version: {exc}") from exc
        return said

    def dump(self, known: DeviceState) -> bytes:
        lane = known.lane
        waiting = [(said.at, said.reading.kind, astuple(said.reading)) for said in lane.waiting]
        members: dict[str, Any] = {"late": known.late, "lane": (lane.newest, lane.open_from, lane.due, waiting)}
        if known.track is not None:
            members["track"] = known.track
        if known.book is not None:
            members["book"] = known.book
        for (key, _), state in zip(self._states, known.states, strict=True):
            if state is not None:
                members[key] = state
        return _ENCODER.encode(members)

    def load(self, device_id: str, row: bytes) -> DeviceState:
        """Raises SnapshotUnusable."""
        try:
            said = _ROW.decode(row)
            return DeviceState(
                device_id,
                self._lane(device_id, said["lane"]),
                [decoder.decode(said[key]) if key in said else None for key, decoder in self._states],
                self._track.decode(said["track"]) if "track" in said else None,
                self._book.decode(said["book"]) if "book" in said else None,
                _LATE.decode(said["late"]),
            )
        except _NOT_OURS as exc:
            raise SnapshotUnusable(f"what was kept of {device_id} cannot be read: {exc}") from exc

    def _lane(self, device_id: str, row: msgspec.Raw) -> ReorderBuffer:
        said = _LANE.decode(row)
        waiting = []
        for at, kind, values in said.waiting:
            reading = msgspec.convert(dict(zip(self._fields[kind], values, strict=True)), MODELS[kind])
            waiting.append(BufferedReading(reading.ts, at, reading))
        return ReorderBuffer(device_id, said.newest, said.open_from, said.due, waiting)


_NOT_OURS: Final = (ValueError, KeyError)  # msgspec's and pydantic's are ValueErrors


def _key(rule: Rule[Any]) -> str:
    return f"{rule.name}/{rule.version}"


def _written(value: Any) -> Any:
    """Words and evidence of alerts are pydantic's, which the API describes."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"no way to write a {type(value).__name__} down")


def _read_back(wanted: type, value: Any) -> Any:
    if issubclass(wanted, BaseModel):
        return wanted.model_validate(value)
    raise NotImplementedError(f"no way to read a {wanted.__name__} back")


def _decoder(wanted: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(wanted, dec_hook=_read_back)


def _modules_of(rules: Sequence[Rule[Any]]) -> Iterator[ModuleType]:
    """Those of this program whose classes stand in rows."""
    names = {type(rule).__module__ for rule in rules} | {name for name in sys.modules if name.startswith("rules.")}
    return (sys.modules[name] for name in sorted(names))


def _restore_annotations(module: ModuleType) -> None:
    """In a compiled module a class remembers of `list[int]` only `list`: its fields' types are read from the source.

    mypyc keeps them in part (`mypyc.irbuild.classdef.add_non_ext_class_attr_ann`); msgspec needs them whole.
    """
    path = Path(module.__file__ or "")
    if path.suffix == ".py":
        return
    source = path.with_name(f"{path.name.partition('.')[0]}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and is_dataclass(known := getattr(module, node.name)):
            for said in node.body:
                if isinstance(said, ast.AnnAssign) and isinstance(said.target, ast.Name):
                    known.__annotations__[said.target.id] = ast.unparse(said.annotation)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_written)
_ROW: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_LANE: Final = msgspec.msgpack.Decoder(_LaneRow)
_LATE: Final = msgspec.msgpack.Decoder(int)
