"""What is wrong with a bridge, or only looks so: its zero, weights typed by hand, trucks that were never at rest."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from devices.readings.models import Weighing
from simulators.trials.incidents import SYSTEM, Incident
from simulators.trials.weighings.ticket_book import TicketBook, Wrong, at
from simulators.trials.weighings.wrong_tickets import round_kg

_RULE: Final = "weighbridge_integrity"
_SHIFTS_KG: Final = (40.0, 400.0)
_NOTICED_KG: Final = 100.0
"""60 kg, and the error in service of a class III scale."""
_USUAL_VISITS: Final = 6
_LEAST_TRUCKS: Final = 5
"""Of fewer trucks nobody could tell whether the bridge or they changed."""
_ODD_KG: Final = 300.0
_TYPED_SHARE: Final = (0.15, 0.5)
_TYPED_LEAST: Final = 5
"""Fewer may be a repair, whatever share they are of one shift's tickets."""
_SETTLES_S: Final = 600.0
"""The truck has left long since."""
_FRAMES: Final = (2, 5)


def shift_the_zero(book: TicketBook) -> list[Incident]:
    """From one moment on the bridge shows 40 to 400 kg more or less.

    It shows in what a day's trucks weigh empty against what each weighed before: for the day, and from when so many of
    them were weighed empty since that it is the usual thing.
    """
    rng, emptied = book.rng, {name: book.of(name, "out") for name in book.days}
    usual = {name: made for name, made in emptied.items() if len(made) > _USUAL_VISITS + 1}
    if len(usual) < _LEAST_TRUCKS:
        return []
    earliest = max(made[_USUAL_VISITS - 1].ts for made in usual.values())
    latest = min(made[-1].ts for made in usual.values()) - 1
    if earliest >= latest:
        return []
    from_ms, by_kg = rng.randint(earliest, latest), round_kg(rng.choice((-1, 1)) * rng.uniform(*_SHIFTS_KG))
    for ticket in book.in_order():
        book.change(_shifted(ticket, from_ms, by_kg, book))
    book.tares_wrong = True
    since = sorted(next(one.ts for one in made if one.ts >= from_ms) for made in usual.values())
    enough = max(_LEAST_TRUCKS, len(emptied) // 2 + 1)
    required = abs(by_kg) >= _NOTICED_KG and len(since) >= enough
    hold_s = (since[min(enough, len(since)) - 1] - from_ms) / 1000
    day_ms, end_ms = _day_start_ms(from_ms, book.city.timezone), book.in_order()[-1].ts
    shift = Incident(_RULE, SYSTEM, "shift_the_zero", day_ms, end_ms, from_ms, required, hold_s)
    odd = [one.ts for made in usual.values() for one in made if one.ts >= from_ms]
    names = [name for name, made in usual.items() for one in made if one.ts >= from_ms]
    return [
        shift,
        *(
            at(_RULE, name, "shift_the_zero", ts, required=False)
            for name, ts in zip(names, odd, strict=True)
            if abs(by_kg) >= _ODD_KG
        ),
    ]


def type_by_hand(book: TicketBook) -> list[Incident]:
    """From one moment on the clerk types 15 to 50 % of the weights."""
    made = book.in_order()
    if book.tares_wrong or len(made) < 4 * _TYPED_LEAST:
        return []  # a tare that is typed says nothing of the bridge
    first, share = book.rng.randint(0, len(made) // 2), book.rng.uniform(*_TYPED_SHARE)
    typed = [one for one in made[first:] if book.rng.random() < share]
    for ticket in typed:
        book.change(replace(ticket, manual_entry=True))
    if not typed:
        return []
    numbers: dict[str, int] = {}
    for ticket in typed:
        numbers.setdefault(ticket.ticket, ticket.ts)
    times = list(numbers.values())
    required = len(times) >= _TYPED_LEAST
    hold_s = (times[_TYPED_LEAST - 1] - times[0]) / 1000 if required else 0.0
    return [Incident(_RULE, book.bridge_id, "type_by_hand", times[0], typed[-1].ts, times[0], required, hold_s)]


def type_one(book: TicketBook) -> list[Incident]:
    """The display is out for a minute, and one weight is typed."""
    made = book.in_order()
    if not any(ticket.manual_entry for ticket in made):
        book.change(replace(book.rng.choice(made), manual_entry=True))
    return []


def roll_across(book: TicketBook) -> list[Incident]:
    """A truck rolls across the plate, in and out, without standing still."""
    name = book.any_truck()
    visits = [one for one in book.free(name, "in", 1)[:-1] if _out_of(book, one) is not None]
    if not visits:
        return []
    entered = book.rng.choice(visits)
    left = _out_of(book, entered)
    frames = [_moving(book, one) for one in (entered, left) if one is not None]
    for one in (entered, left):
        if one is not None:
            book.drop(one)
            book.note(name, one.ts)
    made = [frame for part in frames for frame in part]
    book.add(*made)
    first_ms, last_ms = made[0].ts, made[-1].ts
    hold_s = (last_ms - first_ms) / 1000 + _SETTLES_S
    return [Incident(_RULE, book.bridge_id, "roll_across", first_ms, last_ms, first_ms, hold_s=hold_s)]


def come_to_rest(book: TicketBook) -> list[Incident]:
    """The bridge sends the weights of some trucks also while they drive up."""
    for ticket in book.in_order():
        if ticket.stable and book.rng.random() < 0.1:
            book.add(*_moving(book, replace(ticket, ts=ticket.ts - 15_000)))
    return []


def _out_of(book: TicketBook, entered: Weighing) -> Weighing | None:
    name = next(name for name, day in book.days.items() if day.haul.plate == entered.plate)
    return next((one for one in book.free(name, "out") if one.ticket == entered.ticket), None)


def _moving(book: TicketBook, ticket: Weighing) -> list[Weighing]:
    """Weights of a scale that moves, 2 s apart."""
    weight_kg = ticket.tare_kg if ticket.direction == "out" and ticket.tare_kg is not None else ticket.gross_kg
    return [
        replace(
            ticket,
            ts=ticket.ts + 2_000 * n,
            gross_kg=round_kg(weight_kg * book.rng.uniform(0.3, 1.05)),
            tare_kg=None,
            net_kg=None,
            stable=False,
        )
        for n in range(book.rng.randint(*_FRAMES))
    ]


def _shifted(ticket: Weighing, from_ms: int, by_kg: float, book: TicketBook) -> Weighing:
    """The ticket as the bridge shows it; the gross of one that leaves was taken when it came."""
    if ticket.ts < from_ms:
        return ticket
    name = next((name for name, day in book.days.items() if day.haul.plate == ticket.plate), None)
    if ticket.direction == "in" or name is None:
        return replace(ticket, gross_kg=ticket.gross_kg + by_kg)
    entered = next((one for one in book.of(name, "in") if one.ticket == ticket.ticket), None)
    gross_kg = entered.gross_kg if entered is not None else ticket.gross_kg
    tare_kg = (ticket.tare_kg or 0.0) + by_kg
    return replace(ticket, gross_kg=gross_kg, tare_kg=tare_kg, net_kg=gross_kg - tare_kg)


def _day_start_ms(ts: int, timezone: str) -> int:
    local = datetime.fromtimestamp(ts / 1000, UTC).astimezone(ZoneInfo(timezone))
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


OF_BRIDGES: Final[tuple[Wrong, ...]] = (shift_the_zero, type_by_hand, type_one, roll_across, come_to_rest)
"""The zero comes first: all that is done to tares leaves such a bridge alone."""
