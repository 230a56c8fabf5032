"""Many simulated terminals against one gateway, with their sums."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.geo.geometry import LatLon, LocalPlane
from simulators.dialects.jt808.terminal import Habits, Seen, Tally, Terminal
from simulators.vehicles.drive import Way

_SPEED_MPS: Final = 10.0
_START_WITHIN_S: Final = 1.0
"""Terminals begin spread over so long, or over one pause between positions if that is less."""
EDITION_2019: Final = 1


def phone_of(number: int, first: int, version: int | None) -> str:
    """Phone number of a terminal, as its header has it."""
    return f"{first + number:0{12 if version is None else 20}d}"


def terminals(
    count: int, habits: Habits, seed: int, *, first_phone: int = 13_900_000_000, share_2019: float = 0.5
) -> tuple[list[Terminal], Tally]:
    """Build a fleet on the approved routes of Jincheng. Equal seeds give equal fleets."""
    city, tally = read_city(JINCHENG), Tally()
    roads = [
        Way.along([city.plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in route.line.coords]) for route in city.routes
    ]
    made = []
    for number in range(count):
        dice = random.Random(seed * 1_000_003 + number)  # noqa: S311 - a simulation
        version = EDITION_2019 if dice.random() < share_2019 else None
        seen_at = _to_and_fro(roads[number % len(roads)], city.plane, dice.randrange(3_600))
        phone = phone_of(number, first_phone, version)
        made.append(Terminal(phone, version, habits, seen_at, dice, tally))
    return made, tally


async def run_terminals(
    fleet: Sequence[Terminal],
    habits: Habits,
    to: tuple[str, int],
    start_ms: int,
    stop: asyncio.Event,
    show: Callable[[], None] = lambda: None,
) -> None:
    """Run until `stop`, or until each has reported as often as the habits say and all is delivered.

    `show` is called each second. Cancel it to end at once.
    """
    host, port = to
    spread_s = min(_START_WITHIN_S, habits.pause_s)

    async def begin(number: int, terminal: Terminal) -> None:
        await asyncio.sleep(spread_s * number / len(fleet))
        await terminal.run(host, port, start_ms, stop)

    async with asyncio.TaskGroup() as tasks:
        showing = tasks.create_task(_keep_showing(show), name="terminals: progress")
        running = [tasks.create_task(begin(*one), name=f"terminal {one[1].phone}") for one in enumerate(fleet)]
        await asyncio.gather(*running)
        showing.cancel()
    show()


async def _keep_showing(show: Callable[[], None]) -> None:
    while True:
        show()
        await asyncio.sleep(1.0)


def _to_and_fro(road: Way, plane: LocalPlane, ahead_s: int) -> Callable[[int], Seen]:
    """Place and course on the way there and back, by seconds."""

    def at(second: int) -> Seen:
        turns, on_way_m = divmod((second + ahead_s) * _SPEED_MPS, road.length_m)
        way = road.reverse() if turns % 2 else road
        return Seen(plane.latlon(way.at(on_way_m)), way.heading_deg(on_way_m))

    return at
