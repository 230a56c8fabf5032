"""Bodies of requests about cases."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR
from api.http.instants import Instant
from devices.readings.text import ShortText
from rules.cases.model import MAX_ALERTS, Address, CaseOutcome, Reason, Title

AlertId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Alerts = Annotated[tuple[AlertId, ...], Field(max_length=MAX_ALERTS)]
_Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
_Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    actor: ShortText | None = Field(None, description=ACTOR)


class CaseOpenBody(_Body):
    """A case is to be opened: of alerts that are taken up, or of a matter without any."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"alerts": ["9f86d081884c7d65"], "assignee": "team-3", "actor": "li.wei"},
                {
                    "title": "Spoil heap behind the brickworks",
                    "lat": 35.491,
                    "lon": 112.852,
                    "district": "zezhou",
                    "happened_from": "2026-03-01T08:00:00+08:00",
                    "happened_until": "2026-03-01T10:00:00+08:00",
                    "reason": "Seen on patrol",
                    "actor": "li.wei",
                },
            ]
        }
    )

    alerts: _Alerts = Field((), description="Ids of the alerts that are taken up; none of an open case")
    title: Title | None = Field(None, description="Default: that of the first alert, in the caller's language")
    lat: _Lat | None = Field(None, description="WGS-84. Default: the place of the first alert that has one")
    lon: _Lon | None = None
    address: Address | None = None
    district: ShortText | None = Field(None, description="Default: that of the first alert's device")
    happened_from: Instant | None = Field(None, description="Default: when the first of the alerts opened")
    happened_until: Instant | None = Field(None, description="Equal to `happened_from` for a moment")
    deadline: Instant | None = Field(None, description="Default: the days of the settings for this kind of case")
    assignee: ShortText | None = Field(None, description="Person or team")
    reason: Reason | None = None


class _Changing(_Body):
    version: int = Field(ge=1, description="That of the case as it was read; 409 if somebody changed it meanwhile")


class CaseAddBody(_Changing):
    """The case is about more alerts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"alerts": ["9f86d081884c7d65"], "version": 3, "actor": "li.wei"}]}
    )
    alerts: Annotated[tuple[AlertId, ...], Field(min_length=1, max_length=MAX_ALERTS)]
    reason: Reason | None = None


class CaseReasonBody(_Changing):
    """Why something is done."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Another truck", "version": 3, "actor": "li.wei"}]}
    )
    reason: Reason


class CaseAssignBody(_Changing):
    """Somebody is to work on the case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"assignee": "team-3", "version": 3, "actor": "li.wei"}]})
    assignee: ShortText | None = Field(description="Person or team; null: nobody any more")
    reason: Reason | None = None


class CaseBeginBody(_Changing):
    """Somebody works on the case now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 3, "actor": "li.wei"}]})
    reason: Reason | None = None


class CaseCommentBody(_Body):
    """A remark."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Photographs taken.", "actor": "li.wei"}]})
    reason: Reason = Field(description="The remark")


class CaseChangeBody(_Changing):
    """Fields that get another value; those that are left out stay, null takes a value away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"lat": 35.4921, "lon": 112.8534, "reason": "Measured", "version": 3, "actor": "li.wei"}]
        }
    )
    title: Title | None = None
    lat: _Lat | None = None
    lon: _Lon | None = None
    address: Address | None = None
    district: ShortText | None = None
    happened_from: Instant | None = None
    happened_until: Instant | None = None
    reason: Reason


class CaseDeadlineBody(_Changing):
    """The case is due at another time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "deadline": "2026-12-31T23:59:59+08:00",
                    "reason": "Laboratory needs two weeks",
                    "version": 3,
                    "actor": "li.wei",
                }
            ]
        }
    )
    deadline: Instant
    reason: Reason


class CaseCloseBody(_Changing):
    """The case is dealt with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "outcome": "confirmed_violation",
                    "reason": "12 t of spoil, fined",
                    "version": 3,
                    "actor": "li.wei",
                }
            ]
        }
    )
    outcome: CaseOutcome
    reason: Reason


class CaseReopenBody(_Changing):
    """The case was not dealt with after all."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The haulier appealed", "version": 3, "actor": "li.wei"}]}
    )
    reason: Reason
    deadline: Instant | None = Field(None, description="Default: the days of the settings, from now on")
