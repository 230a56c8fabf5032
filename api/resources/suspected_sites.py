"""Suspected sites: the places that are proposed to people, and what they decide about them."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.narrowed_stores import PartOfProposal
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, not_found
from api.resources.geojson import Feature, FeatureCollection, GeoJSONResponse, Geometry, geo_answer, map_layer
from devices.readings.text import ShortText
from rules.suspected_sites.model import (
    ID_PATTERN,
    MAX_REASON,
    AlreadyDecided,
    Decision,
    Proposal,
    ProposalState,
    UnknownProposal,
)

router = APIRouter(tags=["map"], dependencies=[*PERSONAL, *VIEWERS])

SitePath = Annotated[
    str, Path(pattern=ID_PATTERN, description="Id of the suspected site: 16 hex digits", examples=["3f0a9c51be7d2846"])
]


class DecisionBody(BaseModel):
    """What a person decides about a suspected site."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [{"state": "accepted", "actor": "li.wei", "reason": "Spoil heap behind the brickworks"}]
        },
    )

    state: Literal[ProposalState.ACCEPTED, ProposalState.DISMISSED]
    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]


_FEATURE_EXAMPLE: Final = {
    "type": "Feature",
    "id": "3f0a9c51be7d2846",
    "geometry": {"type": "Point", "coordinates": [112.7431, 35.5522]},
    "properties": {
        "kind": "dump",
        "state": "accepted",
        "radius_m": 64.2,
        "first_seen": 1_772_352_000_000,
        "last_seen": 1_774_512_000_000,
        "trucks": ["truck-007", "truck-012"],
        "visits": 5,
        "days": 4,
        "hours": [2, 1, *[0] * 20, 0, 2],
        "alerts": ["9c51be7d28463f0a"],
        "proposed_at": 1_774_515_600_000,
        "updated_at": 1_774_519_200_000,
        "decisions": [
            {
                "state": "accepted",
                "actor": "li.wei",
                "reason": "Spoil heap behind the brickworks",
                "at": 1_774_520_000_000,
            }
        ],
    },
}


_FIGURES: Final = ("first_seen", "last_seen", "visits", "days", "hours")
"""What counts the visits of all trucks."""


@router.get(
    "/suspected-sites",
    summary="Suspected sites",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One point per suspected site", _FEATURE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def suspected_sites(
    request: Request,
    parts: Parts,
    state: Annotated[ProposalState | None, Query(description="Only those in this state")] = None,
) -> Response:
    """Places outside every permitted site where trucks stop, raise their beds or come away empty, latest visit first.

    `kind` is `dump` 黑消纳场 or `source` 黑工地, `radius_m` covers all visits, `hours` counts visits by hour of the
    city's day, `alerts` are those it rests on. A site nobody has decided about is `proposed`, and accuses nobody.
    Where trucks were that the caller may not see, times and figures are null.
    """
    return map_layer(request, map(_feature, parts.suspected_sites.proposals(state)))


@router.post(
    "/suspected-sites/{site_id}",
    summary="Accept or dismiss a suspected site",
    response_model=Feature,
    dependencies=OFFICERS,
    responses=answer("The site with all decisions about it", _FEATURE_EXAMPLE)
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.NOT_FOUND,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
        ProblemKind.BAD_REQUEST,
        *WRITE_REFUSED,
        ProblemKind.ALREADY_DECIDED,
        ProblemKind.TOO_LARGE,
    ),
)
def decide(parts: Parts, caller: CurrentCaller, site_id: SitePath, body: DecisionBody) -> Feature:
    """Say that a suspected site is one, or that it is none, or none any more. Every decision is kept with its reason.

    Stops at a dismissed place stay explained; a bed that is raised or a load that is gone there afterwards is proposed
    anew. A site that is in that state already is a 409.
    """
    decision = Decision(state=body.state, actor=acting_name(caller, body.actor), reason=body.reason, at=parts.now())
    try:
        decided = parts.suspected_sites.decide(site_id, decision)
    except UnknownProposal as exc:
        raise not_found("Suspected site", site_id, "`GET /api/v1/suspected-sites` lists them") from exc
    except AlreadyDecided as exc:
        raise RequestRefused(ProblemKind.ALREADY_DECIDED, f"{exc}: its decisions say by whom") from exc
    return _feature(decided)


def _feature(proposal: Proposal) -> Feature:
    properties: dict[str, Any] = proposal.model_dump(mode="json", exclude={"id", "lat", "lon"})
    if isinstance(proposal, PartOfProposal):
        properties |= dict.fromkeys(_FIGURES)
    return Feature(
        id=proposal.id, geometry=Geometry(type="Point", coordinates=[proposal.lon, proposal.lat]), properties=properties
    )
