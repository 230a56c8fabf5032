"""What is handed on, as bytes: MessagePack, each verdict with the name of its kind before it."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rules.contract.verdicts import RuleVerdict
from rules.engine.late.late_verdicts import Again, GapPassed, GapsKept, Judged, JudgedAgain, RunBegun
from rules.engine.late.state_codec import ENCODER, decoder
from rules.engine.stages.handed_on import HandedOn

VERSION: Final = 1
"""Of what is handed on: counted on by whoever changes a name or a field so that former programs cannot read it."""

_Tagged = tuple[str, msgspec.Raw]
_VERDICT: Final = "verdict"
_AGAIN: Final = "again"
_NAMES: Final[dict[type[Any], str]] = {
    RuleVerdict: _VERDICT,
    GapsKept: "gaps",
    GapPassed: "passed",
    RunBegun: "run",
}


class _Again(msgspec.Struct, array_like=True):
    """The fields of `JudgedAgain`."""

    subject: str
    start: int
    newest: int
    verdicts: list[_Tagged]


class _HandedOn(msgspec.Struct, array_like=True):
    """The fields of `HandedOn`."""

    fleet_time: int
    verdicts: list[_Tagged]
    off: dict[str, list[str]] | None = None
    off_of_others: list[str] = []


class HandedOnCodec:
    """Writes and reads what is handed on. Make it after the engine, which restores the annotations that it needs."""

    def __init__(self) -> None:
        self._of_kind = {name: decoder(kind) for kind, name in _NAMES.items()}
        self._again, self._all = decoder(_Again), decoder(list[_HandedOn])

    def encode(self, handed_on: Sequence[HandedOn]) -> bytes:
        return ENCODER.encode(
            [
                (one.fleet_time, [_tagged(judged) for judged in one.verdicts], one.off, one.off_of_others)
                for one in handed_on
            ]
        )

    def decode(self, packed: bytes) -> list[HandedOn]:
        """Raises ValueError: it is damaged, or another version wrote it."""
        try:
            return [
                HandedOn(one.fleet_time, [self._judged(*tagged) for tagged in one.verdicts], one.off, one.off_of_others)
                for one in self._all.decode(packed)
            ]
        except KeyError as exc:
            raise ValueError(f"{exc} is the name of no kind of verdict") from exc

    def _judged(self, name: str, packed: msgspec.Raw) -> Judged:
        if name == _AGAIN:
            again: _Again = self._again.decode(packed)
            verdicts: list[Again] = [self._of_kind[kind].decode(one) for kind, one in again.verdicts]
            return JudgedAgain(again.subject, again.start, again.newest, verdicts)
        judged: Judged = self._of_kind[name].decode(packed)
        return judged


def _tagged(judged: Judged | GapPassed) -> tuple[str, Any]:
    if isinstance(judged, JudgedAgain):
        return _AGAIN, (judged.subject, judged.start, judged.newest, [_tagged(one) for one in judged.verdicts])
    return _NAMES[type(judged)], judged
