"""Rules: which hold, with which parameters, and the rule sets that were applied."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.authentication import CurrentCaller
from api.access.roles import ADMINISTRATORS, VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, Fault, ProblemKind, RequestRefused, invalid, not_found
from api.resources.devices import registered_device
from devices.city.fields import minute_of_day
from devices.readings.text import ShortText
from rules.alerts.model import Text
from rules.catalogue import CATALOGUE
from rules.contract.rule_choice import Scope, scope_of
from rules.rule_sets.changes import Difference, differences
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.reading import MAX_BYTES
from rules.rule_sets.shipped import checked
from rules.rule_sets.store import MAX_REASON, AppliedMeanwhile, StoredRuleSet, UnknownRuleSet

router = APIRouter(tags=["rules"], dependencies=VIEWERS)

_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)


class ParameterOut(BaseModel):
    """One threshold."""

    name: str
    value: Any = Field(description="As it holds; the unit is in the name. Null: none, or the rule is off")
    default: Any
    meaning: str = Field(description="What it is for, and the reason of the default")


class RuleOut(BaseModel):
    """One rule, as it holds where and when was asked."""

    rule: str
    title: Text
    colour: str = Field(description="`#RRGGBB`, as on boards; no two rules share one")
    on: bool
    parameters: list[ParameterOut]


class RulesOut(BaseModel):
    """All rules, in the order of boards."""

    version: int = Field(description="Number of the rule set that holds; 0: none was applied, the shipped one holds")
    rules: list[RuleOut]


class RuleSetOut(BaseModel):
    """One version of the rule set."""

    version: int
    applied_at: int = Field(description="Wall clock, ms")
    applied_by: str
    reason: str


class RuleSetText(RuleSetOut):
    """One version, as its author wrote it."""

    content: str = Field(description="YAML")


class DifferenceOut(BaseModel):
    """One value that differs."""

    where: str = Field(description="Conditions of the exception; empty: the whole city")
    rule: str
    parameter: str = Field(description="`on`: whether the rule is on")
    before: Any
    after: Any


class AppliedOut(RuleSetOut):
    """The rule set that holds from now on."""

    changed: list[DifferenceOut]


class RuleSetBody(BaseModel):
    """A rule set to be applied in place of the one that holds."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "content": "speeding: {limit_kmh: 90}\n",
                    "actor": "li.wei",
                    "reason": "New limit on the ring road",
                    "after": 6,
                }
            ]
        },
    )

    content: str = Field(max_length=MAX_BYTES, description="YAML, as `docs/rules.md` shows it")
    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
    after: int | None = Field(
        None, ge=0, description="Apply only if this version holds: what the author looked at. Default: whichever holds"
    )


_RULE_EXAMPLE: Final = {
    "version": 7,
    "rules": [
        {
            "rule": "speeding",
            "title": {"en": "Speeding", "zh": "超速"},
            "colour": "#0072B2",
            "on": True,
            "parameters": [
                {"name": "limit_kmh", "value": 90, "default": 100, "meaning": "Where no route has a limit of its own."}
            ],
        }
    ],
}
_SET_EXAMPLE: Final = {
    "version": 7,
    "applied_at": 1_790_000_000_000,
    "applied_by": "li.wei",
    "reason": "New limit on the ring road",
}
_APPLIED_EXAMPLE: Final = _SET_EXAMPLE | {
    "changed": [{"where": "", "rule": "speeding", "parameter": "limit_kmh", "before": 100, "after": 90}]
}


@router.get(
    "/rules",
    summary="Rules that hold",
    response_model=RulesOut,
    responses=answer("All rules with their parameters", _RULE_EXAMPLE) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def rules_that_hold(
    parts: Parts,
    device_id: Annotated[str | None, Query(max_length=64, description="As they hold for this device")] = None,
    at: Annotated[str, Query(max_length=5, description="Hour of the city's day, such as 22:30")] = "12:00",
) -> RulesOut:
    """All rules, on or off, with their parameters: those of the whole city, or as they hold for one device."""
    choice, city = parts.rules(), parts.city()
    scope = Scope() if device_id is None else scope_of(registered_device(city, device_id), city)
    found = []
    for entry, rule in zip(CATALOGUE, choice.at(scope, _minute(at)), strict=True):
        values = {} if rule is None else rule.parameters.model_dump(mode="json")
        defaults = entry.parameters().model_dump(mode="json")
        parameters = [
            ParameterOut(name=name, value=values.get(name), default=default, meaning=entry.meaning(name))
            for name, default in defaults.items()
        ]
        is_on = rule is not None
        found.append(RuleOut(rule=entry.name, title=entry.title, colour=entry.colour, on=is_on, parameters=parameters))
    return RulesOut(version=choice.version, rules=found)


@router.get(
    "/rule-sets",
    summary="Rule sets that were applied",
    response_model=list[RuleSetOut],
    responses=answer("The newest versions, newest first", [_SET_EXAMPLE]) | problems(*_READ),
)
def applied_rule_sets(
    parts: Parts, limit: Annotated[int, Query(ge=1, le=200, description="At most so many")] = 20
) -> list[RuleSetOut]:
    """Every version, with who applied it, when, and why."""
    return [RuleSetOut(**_fields(stored)) for stored in parts.rule_sets.history(limit)]


@router.get(
    "/rule-sets/{version}",
    summary="One rule set",
    response_model=RuleSetText,
    responses=answer("The version as it was applied", _SET_EXAMPLE | {"content": "speeding: {limit_kmh: 90}\n"})
    | problems(*_READ, ProblemKind.NOT_FOUND),
)
def one_rule_set(parts: Parts, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> RuleSetText:
    """One version, as its author wrote it."""
    try:
        stored = parts.rule_sets.version(version)
    except UnknownRuleSet as exc:
        raise not_found("rule set", str(version), "`GET /api/v1/rule-sets` lists them") from exc
    return RuleSetText(**_fields(stored), content=stored.content)


@router.post(
    "/rule-sets",
    summary="Apply a rule set",
    response_model=AppliedOut,
    status_code=201,
    dependencies=ADMINISTRATORS,
    responses=answer("The new version, and what it changes", _APPLIED_EXAMPLE, status=201)
    | problems(*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.OUTDATED, ProblemKind.TOO_LARGE),
)
def apply_rule_set(parts: Parts, caller: CurrentCaller, body: RuleSetBody) -> AppliedOut:
    """Let a rule set hold from now on, in place of the whole one before. The judge takes it within two seconds.

    All faults are named at once, with lines. `after` makes sure that nobody else's rule set is overwritten: 409.
    """
    newest = parts.rule_sets.newest()
    held = newest.version if newest is not None else 0
    if body.after is not None and body.after != held:
        raise RequestRefused(ProblemKind.OUTDATED, f"rule set {held} holds meanwhile: look at it first")
    if newest is not None and newest.content == body.content:
        raise RequestRefused(ProblemKind.OUTDATED, f"this content holds already, as rule set {held}")
    try:
        after = checked(body.content.encode(), "content", held + 1)
    except BadRuleSet as exc:
        faults = [Fault(field="body.content", hint=fault) for fault in exc.faults]
        raise RequestRefused(ProblemKind.INVALID, f"the rule set has {len(faults)} faults", errors=faults) from exc
    stored = StoredRuleSet(held + 1, body.content, parts.now(), acting_name(caller, body.actor), body.reason)
    found = differences(parts.rules(), after)
    try:
        parts.rule_sets.apply(stored)
    except AppliedMeanwhile as exc:
        raise RequestRefused(ProblemKind.OUTDATED, str(exc)) from exc
    return AppliedOut(**_fields(stored), changed=[_difference(one) for one in found])


def _fields(stored: StoredRuleSet) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in RuleSetOut.model_fields}


def _difference(one: Difference) -> DifferenceOut:
    return DifferenceOut(**one._asdict())


def _minute(at: str) -> int:
    try:
        return minute_of_day(at)
    except ValueError as exc:
        raise invalid("query.at", "give an hour such as 22:30") from exc
