"""Noise tiers: what terminals and networks make of what truly happens. In the order in which they are reported."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from simulators.trials.network import Link
from simulators.trials.receivers import CanyonReceiver, UrbanReceiver
from simulators.vehicles.gnss import FixSource, Receiver

CHEAP_LACKS: Final = frozenset(
    {"accuracy_m", "satellites", "hdop", "lift_up", "cover_open", "load", "load_kg", "odometer_km"}
)
"""What most terminals of the field do not report: they have a place, a speed, an ignition and a manifest."""
_ALL_ARRIVES: Final = Link()


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of noise."""

    name: str
    says: str
    """In words, for the help and the tables."""
    receiver: Callable[[Random], FixSource] = Receiver
    link: Link = _ALL_ARRIVES
    interval_s: int | None = None
    """Between two reports; None: 10 s busy, 30 s standing. A terminal that has switches reports a change at once."""
    lacks: frozenset[str] = frozenset()
    """Fields that terminals leave out."""
    numbers: bool = True
    """Devices number their readings (`seq`)."""
    sensor_faults: bool = False
    adversary: bool = False
    wrong_terminals: bool = False

    @property
    def has_switches(self) -> bool:
        """A lift or a cover switch is wired to the terminal."""
        return not {"lift_up", "cover_open"} <= self.lacks


TIERS: Final = (
    Tier("clean", "error 4 m, a fix every 10 s"),
    Tier("urban", "error 12 m, 5 % outliers, 2 % lost", UrbanReceiver, Link(loss=0.02)),
    Tier("canyon", "error 30 m in bursts", CanyonReceiver),
    Tier(
        "dirty",
        "30 % out of order to 120 s, 5 % late to 6 h, 1 % twice, clocks ± 90 s",
        link=Link(duplicates=0.01, disordered=0.3, late=0.05, clock_s=90.0),
    ),
    Tier(
        "faults",
        "one switch, scale or load state of each truck stuck, chattering, drifting or inverted",
        sensor_faults=True,
    ),
    Tier(
        "adversary",
        "power cut, jamming, tips under 45 s, 60 m from the gate, in two halves, early scan",
        adversary=True,
    ),
    Tier("minute", "a fix every 60 s, and at once when a switch changes; all sensors", interval_s=60),
    Tier(
        "cheap",
        "a fix every 60 s, without quality fields, numbers, lift, cover or load",
        interval_s=60,
        lacks=CHEAP_LACKS,
        numbers=False,
    ),
    Tier("reconnect", "blind zones of 2 min to 3 h, uploaded afterwards in any order", link=Link(blind_zones=True)),
    Tier(
        "terminals",
        "one terminal in three sends GCJ-02, or has a clock that is 10 min to 20 years behind",
        wrong_terminals=True,
    ),
)


def tier(name: str) -> Tier:
    """Raises LookupError, which lists the names."""
    for one in TIERS:
        if one.name == name:
            return one
    raise LookupError(f"no tier {name}: there are {', '.join(one.name for one in TIERS)}")
