"""Accounts of who deposits, by number: what each earned, and its end. They say nothing of the person."""

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.access.auditing import PERSONAL, note_target
from api.access.roles import OFFICERS, OPERATORS
from api.access.visible import Parts, whole_city
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused
from api.resources.recyclables.deposits import LINE_EXAMPLE
from rules.recyclables.model import Account, AccountPage, DepositFilter, IdKind, PersonId, SumLine, UnknownAccount
from rules.recyclables.pseudonyms import BadPseudonymKey

router = APIRouter(
    prefix="/deposit-accounts",
    tags=["recyclables"],
    dependencies=[*PERSONAL, *OPERATORS, Depends(whole_city)],
)

MAX_LISTED: Final = 1_000
_EXAMPLE: Final[dict[str, Any]] = {
    "account": 17,
    "first_at": 1_772_326_800_000,
    "deposits": 12,
    "weight_kg": 31.4,
    "credits": [{"unit": "points", "amount": 2512.0}],
}
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_Number = Annotated[int, Path(ge=1, le=2**53, description="Number of the account")]


class AccountOut(BaseModel):
    """An account with its sums."""

    account: Account
    lines: list[SumLine] = Field(description="By day, site and material")


class FindBody(BaseModel):
    """A card or a code, as a person presents it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"card": "0012345678"}]},
    )
    card: PersonId | None = None
    code: PersonId | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.card is None) == (self.code is None):
            raise ValueError("give a card or a code")
        return self


class Found(BaseModel):
    """The account of a card or code."""

    account: int


class Erased(BaseModel):
    """What was erased."""

    deposits: int = Field(description="They stay in the sums of the city, and belong to nobody")


@router.get(
    "",
    summary="Accounts of deposits",
    response_model=AccountPage,
    responses=answer("By number", {"items": [_EXAMPLE], "next_after": None}) | problems(*_READ),
)
def find_accounts(
    parts: Parts,
    after: Annotated[int, Query(ge=0, le=2**53, description="`next_after` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
) -> AccountPage:
    """What each account deposited and earned. An account is of one card or code, which nobody can tell from it without
    the key of this installation.
    """
    return parts.deposits.accounts(after, limit)


@router.post(
    "/find",
    summary="Find the account of a card",
    response_model=Found,
    responses=answer("Its number", {"account": 17})
    | problems(*_READ, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.BAD_REQUEST, ProblemKind.TOO_LARGE),
)
def find(parts: Parts, request: Request, body: FindBody) -> Found:
    """The number of the account of a card or code that a person presents, to show or erase it. Nothing of the card is
    kept: the audit trail names the number of the account.
    """
    kind, person = (IdKind.CARD, body.card) if body.card is not None else (IdKind.CODE, body.code)
    try:
        number = parts.deposits.find(kind, person.get_secret_value()) if person is not None else None
    except BadPseudonymKey as exc:
        raise RequestRefused(ProblemKind.UNAVAILABLE, str(exc)) from exc
    if number is None:
        detail = f"No account of this {kind}, or this installation has no key: `haulwatch deposits key`."
        raise RequestRefused(ProblemKind.NOT_FOUND, detail)
    note_target(request, f"account {number}")
    return Found(account=number)


@router.get(
    "/{account}",
    summary="An account of deposits",
    response_model=AccountOut,
    responses=answer("The account with its sums", {"account": _EXAMPLE, "lines": [LINE_EXAMPLE]})
    | problems(*_READ, ProblemKind.NOT_FOUND),
)
def account(parts: Parts, account: _Number) -> AccountOut:
    """What an account deposited and earned, by day, site and material."""
    try:
        found = parts.deposits.account(account)
    except UnknownAccount as exc:
        raise _no_such(account) from exc
    return AccountOut(account=found, lines=parts.deposits.sums(DepositFilter(account=account)))


@router.delete(
    "/{account}",
    summary="Erase an account of deposits",
    response_model=Erased,
    dependencies=OFFICERS,
    responses=answer("What was erased", {"deposits": 12}) | problems(*_READ, *WRITE_REFUSED, ProblemKind.NOT_FOUND),
)
def erase(parts: Parts, account: _Number) -> Erased:
    """Erase the account of a person who asks for it: the pseudonym goes, and its deposits stay in the sums of the city
    without anybody. Nothing brings it back. Who deposits again begins a new account.
    """
    try:
        return Erased(deposits=parts.deposits.erase(account))
    except UnknownAccount as exc:
        raise _no_such(account) from exc


def _no_such(account: int) -> RequestRefused:
    return RequestRefused(
        ProblemKind.NOT_FOUND,
        f"No account {account}: it was erased, or never was. GET /api/v1/deposit-accounts lists them.",
    )
