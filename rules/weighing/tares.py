"""What trucks weigh empty, and how far bridges drift: medians of the tares that sessions weighed. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import median
from typing import Final

from devices.city.model import City
from rules.weighing.bands import deviation_kg, median_error_kg
from rules.weighing.session import TareSource, WeighingSession
from rules.weighing.sessions import Tare, TareOf

OF_TARES: Final = 15
"""By so many of the last tares: after half as many, a new body is the usual tare."""
LEAST_TARES: Final = 3
TARE_SIGMA_KG: Final = 60.0
"""Standard deviation of the tares of one truck, at least: a third of a tank of diesel, or some mud."""


@dataclass(frozen=True, slots=True)
class TareHistory:
    """What one truck weighed empty."""

    vehicle_id: str
    tares: int
    """That many are in it."""
    usual_kg: float
    """Median."""
    deviation_kg: float
    """Scaled median absolute deviation."""
    last_kg: float
    last_at: int
    registered_kg: float | None

    @property
    def off_registered_kg(self) -> float | None:
        return None if self.registered_kg is None else round(self.usual_kg - self.registered_kg, 1)


@dataclass(frozen=True, slots=True)
class BridgeDrift:
    """How far the tares of one bridge lie from what the same trucks weigh empty on all bridges."""

    bridge: str
    trucks: int
    drift_kg: float
    """Median of the trucks, each by the median of its tares there."""
    error_kg: float
    """Standard error of that median."""


def weighed_tares(sessions: Iterable[WeighingSession]) -> dict[str, list[tuple[int, float, str]]]:
    """By vehicle: time, tare in kg and bridge of each weighing empty, in order of time."""
    found: dict[str, list[tuple[int, float, str]]] = {}
    for one in sessions:
        if one.vehicle_id is not None and one.is_weighed and one.tare_kg:
            found.setdefault(one.vehicle_id, []).append((one.weighed_at, one.tare_kg, one.bridge))
    return {vehicle_id: sorted(tares) for vehicle_id, tares in found.items()}


def histories(sessions: Iterable[WeighingSession], city: City) -> list[TareHistory]:
    """The last tares of each vehicle, in the order of ids."""
    found = []
    for vehicle_id, tares in sorted(weighed_tares(sessions).items()):
        last = [kg for _, kg, _ in tares[-OF_TARES:]]
        usual_kg = median(last)
        vehicle = city.vehicle_at(vehicle_id, tares[-1][0])
        registered = vehicle.tare_kg if vehicle is not None else None
        at, last_kg, _ = tares[-1]
        spread = round(deviation_kg(last, usual_kg), 1)
        found.append(TareHistory(vehicle_id, len(last), round(usual_kg, 1), spread, last_kg, at, registered))
    return found


def drifts(sessions: Iterable[WeighingSession]) -> list[BridgeDrift]:
    """Drift of each bridge on which trucks were weighed empty that were weighed so elsewhere too."""
    off: dict[str, list[float]] = {}
    for tares in weighed_tares(sessions).values():
        for bridge in sorted({where for _, _, where in tares}):
            here = [kg for _, kg, where in tares if where == bridge]
            elsewhere = [kg for _, kg, where in tares if where != bridge]
            if elsewhere:
                off.setdefault(bridge, []).append(median(here) - median(elsewhere))
    return [
        BridgeDrift(bridge, len(of), round(median(of), 1), round(median_error_kg(of, TARE_SIGMA_KG), 1))
        for bridge, of in sorted(off.items())
    ]


def registered_tare(city: City) -> TareOf:
    """The tares of the registry."""

    def of(vehicle_id: str, ts: int) -> Tare | None:
        vehicle = city.vehicle_at(vehicle_id, ts)
        if vehicle is None or not vehicle.tare_kg:
            return None
        return Tare(vehicle.tare_kg, TareSource.REGISTERED)

    return of


def usual_tare(city: City, tares: Mapping[str, Sequence[tuple[int, float, str]]]) -> TareOf:
    """The tare of the registry, else the median of the last ones before."""
    registered = registered_tare(city)

    def of(vehicle_id: str, ts: int) -> Tare | None:
        found = registered(vehicle_id, ts)
        if found is not None:
            return found
        weighed = tares.get(vehicle_id, ())
        before = weighed[: bisect_left(weighed, ts, key=itemgetter(0))][-OF_TARES:]
        if len(before) < LEAST_TARES:
            return None
        return Tare(round(median([kg for _, kg, _ in before]), 1), TareSource.HISTORY)

    return of
