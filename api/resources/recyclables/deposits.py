"""Deposits: taken from platforms of points that speak no MQTT, and summed."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.roles import OPERATORS, VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid
from api.resources.programme.spans import FirstDay, LastDay, read_days
from devices.readings.ids import DEVICE_ID_PATTERN
from rules.recyclables.model import MAX_DEPOSITS, By, DepositFilter, DepositsRefused, SumLine, Taken
from rules.recyclables.pseudonyms import BadPseudonymKey
from rules.recyclables.reading import read_deposits

router = APIRouter(tags=["recyclables"])

LINE_EXAMPLE: Final[dict[str, Any]] = {
    "day": "2026-03-01",
    "site": "point-01",
    "material": "paper",
    "deposits": 41,
    "weight_kg": 96.35,
    "identified": 38,
    "without_tariff": 0,
    "credits": [{"unit": "points", "amount": 7708.0}],
}


class DepositsBody(BaseModel):
    """Deposits at one point."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "device": "recycler-01",
                    "deposits": [
                        {
                            "number": "20260301-0042",
                            "ts": 1_772_326_800_000,
                            "material": "paper",
                            "weight_kg": 2.35,
                            "card": "0012345678",
                        }
                    ],
                }
            ]
        },
    )
    device: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)] = Field(description="Registered recycling point")
    deposits: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_DEPOSITS)] = Field(
        description="Each with `number` (of the point, once for each deposit), `ts`, `material`, `weight_kg`, and "
        "`card` or `code` of who made it, if that is known. Other fields are ignored"
    )


@router.post(
    "/deposits",
    summary="Take deposits of a recycling point",
    response_model=Taken,
    dependencies=OPERATORS,
    responses=answer(
        "What became of each",
        {
            "taken": 40,
            "repeated": 1,
            "refused": [{"index": 7, "field": "weight_kg", "hint": "give the weight as a number of kg above 0"}],
            "ids_dropped": 0,
        },
    )
    | problems(
        ProblemKind.UNAUTHORIZED,
        *WRITE_REFUSED,
        ProblemKind.INVALID,
        ProblemKind.BAD_REQUEST,
        ProblemKind.TOO_LARGE,
        ProblemKind.UNAVAILABLE,
    ),
)
def take(parts: Parts, body: DepositsBody) -> Taken:
    """Take deposits, each once, however often it is sent: for a point whose maker's platform reports for it. Points
    that speak MQTT publish them themselves.

    A card or code becomes a pseudonym before anything is kept, by the key of this installation. Without a key it is
    dropped: `ids_dropped` says how many. Those in `refused` are not taken; send them again when they are right.
    """
    try:
        read = read_deposits(body.deposits)
    except DepositsRefused as exc:
        raise invalid("body.deposits", str(exc)) from exc
    try:
        return parts.deposits.take(body.device, read, parts.now())
    except BadPseudonymKey as exc:
        raise RequestRefused(ProblemKind.UNAVAILABLE, str(exc)) from exc


@router.get(
    "/deposit-sums",
    summary="Sums of deposits",
    response_model=list[SumLine],
    dependencies=[*VIEWERS, *LARGE],
    responses=answer("In the order of what they are summed by", [LINE_EXAMPLE])
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def sums(
    parts: Parts,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    by: Annotated[list[By] | None, Query(description="Default: day, site, material", max_length=3)] = None,
) -> list[SumLine]:
    """Weights and credits of deposits, by days, sites and materials. A deposit is in the day on which it was made. Who
    may see a part of the city gets the sums of its points.
    """
    days, keys = read_days(parts, first_day, last_day), tuple(dict.fromkeys(by or By))
    return parts.deposits.sums(DepositFilter(days.first.isoformat(), days.last.isoformat()), keys)
