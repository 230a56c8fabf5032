"""What people state of the stock of sites, for their mass balance."""

from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OPERATORS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, invalid
from api.resources.programme.spans import FirstDay, LastDay, read_days
from devices.city.sites import Site
from devices.people.model import Visibility
from devices.readings.text import ShortText
from rules.stocks.store import MAX_REASON, EnteredDay, StatedDay

router = APIRouter(prefix="/stocks", tags=["programme"], dependencies=[*PERSONAL, *OPERATORS])

MAX_DAYS: Final = 400
_STATED: Final[dict[str, Any]] = {
    "site": "plant-wangjiang",
    "day": "2026-03-01",
    "stock_kg": 412_000.0,
    "stock_change_kg": None,
    "residue_kg": 900.0,
    "error_kg": 5_000.0,
}
_EXAMPLE: Final[dict[str, Any]] = {"stated": _STATED, "actor": "li.wei", "reason": "Survey", "at": 1_772_380_800_000}


class StocksBody(BaseModel):
    """Statements of sites and days."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"days": [_STATED], "reason": "Survey", "actor": "li.wei"}]},
    )
    days: Annotated[list[StatedDay], Field(min_length=1, max_length=MAX_DAYS)]
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
    actor: ShortText | None = Field(None, description=ACTOR)


class Stated(BaseModel):
    """What was stated."""

    days: int


@router.get(
    "",
    summary="Stated stocks of sites",
    response_model=list[EnteredDay],
    responses=answer("By day and site", [_EXAMPLE])
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def find_stocks(parts: Parts, first_day: FirstDay = None, last_day: LastDay = None) -> list[EnteredDay]:
    """What holds of each site and day, by whom and why. Sites that the caller may not see are left out."""
    days, sites = read_days(parts, first_day, last_day), parts.city().sites
    return [one for one in parts.stocks.entered(days.first, days.last) if one.stated.site in sites]


@router.post(
    "",
    summary="State stocks of sites",
    response_model=Stated,
    status_code=201,
    responses=answer("How many days were stated", {"days": 1}, status=201)
    | problems(
        ProblemKind.UNAUTHORIZED,
        *WRITE_REFUSED,
        ProblemKind.INVALID,
        ProblemKind.BAD_REQUEST,
        ProblemKind.TOO_LARGE,
        ProblemKind.UNAVAILABLE,
    ),
)
def state_stocks(parts: Parts, caller: CurrentCaller, body: StocksBody) -> Stated:
    """State what lay at sites at the end of days (`stock_kg`) or by how much it changed (`stock_change_kg`), what left
    them without a ticket (`residue_kg`), and the standard error of the stock (`error_kg`), all in kg.

    All statements are taken or none. The last one of a site and day holds; earlier ones stay. Who sees a part of the
    city states sites of its districts only; a haulier states none.
    """
    actor, sites = acting_name(caller, body.actor), parts.city().sites
    for index, one in enumerate(body.days):
        if one.site not in sites:
            raise invalid(f"body.days.{index}.site", "name a registered site: GET /api/v1/sites lists them")
        if not _may_state(caller.visibility, sites[one.site]):
            hint = "name a site of your districts: who sees the whole city states those of others"
            raise invalid(f"body.days.{index}.site", hint)
    if len({(one.site, one.day) for one in body.days}) < len(body.days):
        raise invalid("body.days", "give each day and site once")
    parts.stocks.state(body.days, actor, body.reason, parts.now())
    return Stated(days=len(body.days))


def _may_state(visibility: Visibility, site: Site) -> bool:
    """Everybody sees sites without a district, and hauliers those of their permits: neither are theirs."""
    if visibility.is_whole:
        return True
    return visibility.hauliers is None and site.district in (visibility.districts or ())
