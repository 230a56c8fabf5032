"""Weighbridges and how each of them prints a visit: one ticket, two halves, or a half and then a whole."""

from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from devices.readings.models import Weighing

DIVISION_KG: Final = 20
"""Class III scale, e = d = 20 kg (OIML R 76)."""
_SIGMA_KG: Final = 8.0
_SERVICE_MS: Final = 45_000
_AGAIN_MS: Final = 100_000
_CORRECTED_AFTER_MS: Final = 1_800_000
_WRONG_KG: Final = 3_000.0


class Style(StrEnum):
    """What a bridge prints of one visit."""

    WHOLE = "whole"
    """On the way out, one ticket with gross, tare and net."""
    HALF_AND_WHOLE = "half and whole"
    """A half on the way in, and the whole ticket with its number on the way out."""
    HALVES = "halves"
    """Two halves with one number."""
    HALVES_APART = "halves apart"
    """Two halves with a number each."""


class Crossing(NamedTuple):
    """A truck on the scale."""

    ts: int
    kg: float
    """As shown."""


class Printed(NamedTuple):
    """The tickets of one visit, and the load that they stand for."""

    tickets: Sequence[Weighing]
    at: int
    net_kg: float


class Bridge:
    """One weighbridge. Trucks come in order of time."""

    def __init__(self, device_id: str, site_id: str, *, both_ways: bool, single_stream: bool, rng: Random) -> None:
        """`both_ways`: loads are brought to the site and fetched from it."""
        self.device_id, self.site_id, self._rng = device_id, site_id, rng
        styles = [style for style in Style if not (both_ways and style is Style.WHOLE)]
        self.style = rng.choice(styles)
        self._names_material = not single_stream or rng.random() < 0.5
        self._names_manifests = rng.random() < 0.4
        self._spaced = rng.random() < 0.3
        self._number = rng.randint(1, 8_000)
        self._free_ms = 0

    @property
    def prints_whole(self) -> bool:
        return self.style in {Style.WHOLE, Style.HALF_AND_WHOLE}

    def serve(self, arrives_ms: int) -> int:
        """When a truck that arrives then is on the scale: one at a time."""
        ts = max(arrives_ms, self._free_ms)
        self._free_ms = ts + _SERVICE_MS
        return ts

    def crossing(self, ts: int, kg: float) -> Crossing:
        return Crossing(ts, float(round((kg + self._rng.gauss(0, _SIGMA_KG)) / DIVISION_KG) * DIVISION_KG))

    def print_visit(
        self, first: Crossing, last: Crossing, plate: str, material: str, manifest: str, direction: Literal["in", "out"]
    ) -> Printed:
        """`direction`: which way the load goes through the gate."""
        number = self._next()
        other = self._next() if self.style is Style.HALVES_APART else number
        full, empty = (first.kg, last.kg) if direction == "in" else (last.kg, first.kg)
        about = {
            "plate": plate.replace("·", " ") if self._spaced else plate,
            "material": material if self._names_material else None,
            "manifest": manifest if self._names_manifests else None,
        }
        half_in = self._ticket(first.ts, first.kg, number, "in", about)
        if self.prints_whole:
            whole = replace(self._ticket(last.ts, full, other, "out", about), tare_kg=empty, net_kg=full - empty)
            tickets = [whole] if self.style is Style.WHOLE else [half_in, whole]
        else:
            tickets = [half_in, self._ticket(last.ts, last.kg, other, "out", about)]
        return Printed(tickets, last.ts, full - empty)

    def again(self, printed: Printed) -> Printed:
        """The truck drives onto the scale once more, and gets a ticket with another number."""
        last = printed.tickets[-1]
        gross = last.gross_kg + self._rng.choice((-20.0, 20.0, 40.0))
        ts, tare = last.ts + _AGAIN_MS, last.tare_kg or 0.0
        more = replace(last, ts=ts, gross_kg=gross, net_kg=gross - tare, ticket=self._next())
        return Printed([*printed.tickets, more], ts, gross - tare)

    def corrected(self, printed: Printed) -> Printed:
        """The last ticket shows less than it should, and is corrected by another one half an hour later."""
        last = printed.tickets[-1]
        gross = last.gross_kg - _WRONG_KG
        wrong = replace(last, gross_kg=gross, net_kg=gross - (last.tare_kg or 0.0))
        right = replace(last, ts=last.ts + _CORRECTED_AFTER_MS, ticket=self._next(), corrects=last.ticket)
        halves = [replace(one, gross_kg=one.gross_kg - _WRONG_KG) for one in printed.tickets[:-1]]
        return Printed([*halves, wrong, right], printed.at, printed.net_kg)

    def _next(self) -> str:
        self._number += 1
        return f"{self._number:06}"

    def _ticket(
        self, ts: int, kg: float, number: str, direction: Literal["in", "out"], about: dict[str, str | None]
    ) -> Weighing:
        return Weighing(
            device_id=self.device_id,
            ts=ts,
            gross_kg=kg,
            ticket=number,
            direction=direction,
            plate=about["plate"],
            material=about["material"],
            manifest=about["manifest"],
        )
