"""Bookings of accounts: points or yuan that a person trades for goods, and bookings that are taken back."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OPERATORS
from api.access.visible import Parts, whole_city
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid
from devices.readings.text import ShortText
from rules.recyclables.model import Booking, BookingRefused, NewBooking, UnknownAccount, UnknownBooking

router = APIRouter(
    prefix="/deposit-accounts/{account}/bookings",
    tags=["recyclables"],
    dependencies=[*PERSONAL, *OPERATORS, Depends(whole_city)],
)

_NEW: Final[dict[str, Any]] = {"number": "20260301-7", "unit": "points", "amount": 250, "reason": "Soap, 2"}
_EXAMPLE: Final[dict[str, Any]] = {
    "number": "20260301-7",
    "account": 17,
    "kind": "spent",
    "unit": "points",
    "amount": -250.0,
    "cancels": None,
    "day": None,
    "actor": "li.wei",
    "reason": "Soap, 2",
    "at": 1_772_326_800_000,
}
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_WRITE: Final = (*_READ, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.BAD_REQUEST, ProblemKind.TOO_LARGE)
_Number = Annotated[int, Path(ge=1, le=2**53, description="Number of the account")]


class SpendBody(NewBooking):
    """What a person trades for goods."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NEW | {"actor": "li.wei"}]})
    actor: ShortText | None = Field(None, description=ACTOR)


class CancelBody(BaseModel):
    """Takes a booking back."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"number": "20260301-8", "reason": "Not handed out", "actor": "li.wei"}]},
    )
    number: ShortText = Field(description="Of the new booking: what is sent again counts once")
    reason: ShortText
    actor: ShortText | None = Field(None, description=ACTOR)


@router.get(
    "",
    summary="Bookings of an account",
    response_model=list[Booking],
    responses=answer("In the order in which they were made", [_EXAMPLE]) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def find_bookings(parts: Parts, account: _Number) -> list[Booking]:
    """What was spent of an account, taken back, and changed by a mended tariff; by whom and why."""
    try:
        parts.deposits.account(account)
    except UnknownAccount as exc:
        raise _no_such(account) from exc
    return parts.deposits.bookings(account)


@router.post(
    "",
    summary="Spend points of an account",
    response_model=Booking,
    responses=answer("The booking", _EXAMPLE) | problems(*_WRITE),
)
def spend(parts: Parts, caller: CurrentCaller, account: _Number, body: SpendBody) -> Booking:
    """Take points or yuan off an account that a person trades for goods. It never falls below zero. A number that is
    sent again with the same account, unit and amount answers with the booking that was made; another under it is
    refused.
    """
    try:
        return parts.deposits.spend(account, body, acting_name(caller, body.actor), parts.now())
    except UnknownAccount as exc:
        raise _no_such(account) from exc
    except BookingRefused as exc:
        raise _refused(exc) from exc


@router.post(
    "/{booking}/cancel",
    summary="Take a booking back",
    response_model=Booking,
    responses=answer("The booking that takes it back", _EXAMPLE | {"kind": "cancelled", "amount": 250.0})
    | problems(*_WRITE),
)
def cancel(
    parts: Parts,
    caller: CurrentCaller,
    account: _Number,
    booking: Annotated[ShortText, Path(description="Its number")],
    body: CancelBody,
) -> Booking:
    """Give back what a booking of this account spent, once; to correct one, take it back and make another."""
    if all(one.number != booking for one in parts.deposits.bookings(account)):
        raise RequestRefused(ProblemKind.NOT_FOUND, f"Account {account} has no such booking.")
    try:
        actor = acting_name(caller, body.actor)
        return parts.deposits.cancel(body.number, booking, actor, body.reason, parts.now())
    except UnknownBooking as exc:
        raise RequestRefused(ProblemKind.NOT_FOUND, f"Account {account} has no such booking.") from exc
    except BookingRefused as exc:
        raise _refused(exc) from exc


def _no_such(account: int) -> RequestRefused:
    return RequestRefused(ProblemKind.NOT_FOUND, f"No account {account}: it was erased, or never was.")


def _refused(exc: BookingRefused) -> RequestRefused:
    field, _, hint = str(exc).partition(": ")
    return invalid("path.booking" if field == "cancels" else f"body.{field}", hint)
