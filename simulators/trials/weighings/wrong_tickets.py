"""Single tickets that are wrong, each of one truck, and those that only look so."""

from typing import Final

from msgspec.structs import replace

from devices.readings.models import Weighing
from simulators.sites.weighbridge import DIVISION_KG
from simulators.trials.incidents import Incident
from simulators.trials.weighings.ticket_book import TicketBook, Wrong, at
from simulators.vehicles.work import Loading

_RULE: Final = "weighbridge_integrity"
_KNOWN_VISITS: Final = 6
"""Before a tare can be told to be odd."""
_AWAY_S: Final = 120.0
_QUIET_MS: Final = 9_000_000
_TARE_KG: Final = 300.0
"""A tare may change by so much: a tank of diesel, mud, a driver."""


def unregistered(book: TicketBook) -> list[Incident]:
    """A truck that nobody registered is weighed after another one."""
    like = book.rng.choice([one for name in sorted(book.days) for way in _WAYS for one in book.of(name, way)])
    plate = f"晋E·X{book.rng.randint(1000, 9999)}"
    ticket = replace(like, plate=plate, ts=like.ts + 20_000, ticket=f"{book.bridge_id}-X{plate[-4:]}")
    book.add(ticket)
    return [at("unknown_plate", book.bridge_id, "weigh_unregistered", ticket.ts)]


def elsewhere(book: TicketBook) -> list[Incident]:
    """A ticket for a load that was never brought: the truck is being loaded at its source meanwhile.

    Not within hours of an incident, so that the one ticket is all that is wrong.
    """
    name = book.any_truck()
    day = book.days[name]
    busy = [(span.start_ms, span.end_ms + _QUIET_MS) for span in day.spans]
    begun = [began for began, step in day.steps if isinstance(step, Loading) and step.xy == day.haul.source][2:]
    loadings = [began for began in begun if not any(start <= began <= end for start, end in busy)]
    like = next(iter(book.of(name, "in")), None)
    if not loadings or like is None:
        return []
    ts = book.rng.choice(loadings) + 60_000
    book.add(replace(like, ts=ts, ticket=f"{book.bridge_id}-{name}-N{ts % 10_000:04}"))
    book.note(name, ts)
    return [at(_RULE, name, "weigh_elsewhere", ts, _AWAY_S)]


def twice(book: TicketBook) -> list[Incident]:
    """One load is weighed in twice, with the same gross under two numbers, without leaving."""
    name = book.any_truck()
    loads = book.free(name, "in", 1)
    if not loads:
        return []
    first = book.rng.choice(loads)
    again = replace(first, ts=first.ts + book.rng.randint(50_000, 90_000), ticket=f"{first.ticket[:58]}-B")
    book.add(again)
    book.note(name, again.ts)
    return [at(_RULE, name, "weigh_twice", again.ts)]


def odd_tare(book: TicketBook) -> list[Incident]:
    """A truck is weighed empty with 0.6 to 1.5 t too much: people on it, or a part of the load still in."""
    name = book.any_truck()
    empty = book.free(name, "out", _KNOWN_VISITS)
    if book.tares_wrong or not empty:
        return []
    ticket = _with_tare(book.rng.choice(empty), round_kg(book.rng.uniform(600.0, 1_500.0)))
    book.change(ticket)
    book.note(name, ticket.ts)
    return [at(_RULE, name, "weigh_odd_tare", ticket.ts)]


def new_body(book: TicketBook) -> list[Incident]:
    """From one visit on a truck weighs 0.7 to 1.6 t more or less, and nobody registered it: the first is to be seen."""
    name = book.any_truck()
    empty = book.free(name, "out", _KNOWN_VISITS)
    if book.tares_wrong or not empty:
        return []
    first, off_kg = book.rng.choice(empty), round_kg(book.rng.choice((-1, 1)) * book.rng.uniform(700.0, 1_600.0))
    later = [one for one in book.of(name, "out") if one.ts > first.ts]
    for ticket in (first, *later):
        book.change(_with_tare(ticket, off_kg))
        book.note(name, ticket.ts)
    return [
        at(_RULE, name, "change_the_body", first.ts),
        *(at(_RULE, name, "change_the_body", one.ts, required=False) for one in later),
    ]


def part_axle(book: TicketBook) -> list[Incident]:
    """An axle stands beside the plate when the truck is weighed empty: it shows 55 to 75 % of its weight."""
    name = book.any_truck()
    empty = book.free(name, "out")
    if not empty:
        return []
    true = book.rng.choice(empty)
    ticket = _with_tare(true, -round_kg((true.tare_kg or 0.0) * book.rng.uniform(0.25, 0.45)))
    book.change(ticket)
    book.note(name, ticket.ts)
    return [at(_RULE, name, "weigh_a_part_of_the_axles", ticket.ts)]


def weigh_again(book: TicketBook) -> list[Incident]:
    """A weighing is not believed: the truck is weighed in again, and the new ticket names the one it replaces."""
    loads = book.free(book.any_truck(), "in", 1)
    if loads:
        first = book.rng.choice(loads)
        book.add(
            replace(
                first,
                ts=first.ts + book.rng.randint(40_000, 90_000),
                ticket=f"{first.ticket[:58]}-R",
                gross_kg=first.gross_kg + book.rng.choice((-20.0, 0.0, 20.0)),
                corrects=first.ticket,
            )
        )
    return []


def fill_the_tank(book: TicketBook) -> list[Incident]:
    """From one visit on a truck weighs 80 to 220 kg more: diesel, and a driver's mate."""
    name = book.any_truck()
    empty = book.of(name, "out")
    more_kg = round_kg(book.rng.uniform(80.0, _TARE_KG - 80.0))
    if not book.tares_wrong:
        for ticket in empty[book.rng.randint(0, len(empty)) :]:
            book.change(_with_tare(ticket, more_kg))
    return []


def round_kg(kg: float) -> float:
    """What a scale shows of it."""
    return float(round(kg / DIVISION_KG) * DIVISION_KG)


def _with_tare(ticket: Weighing, more_kg: float) -> Weighing:
    tare_kg = (ticket.tare_kg or 0.0) + more_kg
    return replace(ticket, tare_kg=tare_kg, net_kg=ticket.gross_kg - tare_kg)


_WAYS: Final = ("in", "out")

OF_TRUCKS: Final[tuple[Wrong, ...]] = (
    unregistered,
    elsewhere,
    twice,
    odd_tare,
    new_body,
    part_axle,
    weigh_again,
    fill_the_tank,
)
