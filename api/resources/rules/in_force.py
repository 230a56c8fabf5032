"""Rules that hold: with which parameters, where otherwise, and since when."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind, invalid
from api.resources.devices import registered_device
from api.resources.rules.rule_sets import READ, RuleSetOut, rule_set_out
from devices.city.hours import minute_of_day
from rules.alerts.model import Text
from rules.catalogue import CATALOGUE
from rules.contract.rule_choice import Scope, scope_of
from rules.rule_sets.changes import stated
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.shipped import shipped
from rules.rule_sets.store import UnknownRuleSet

router = APIRouter(tags=["rules"], dependencies=VIEWERS)


class ParameterOut(BaseModel):
    """One threshold."""

    name: str
    value: Any = Field(description="As it holds; the unit is in the name. Null: none, or the rule is off")
    default: Any
    meaning: str = Field(description="What it is for, and the reason of the default; in English")
    meaning_zh: str = Field(description="The same in Chinese")


class RuleOut(BaseModel):
    """One rule, as it holds where and when was asked."""

    rule: str
    title: Text
    colour: str = Field(description="`#RRGGBB`, as on boards; no two rules share one")
    on: bool
    parameters: list[ParameterOut]


class ExceptedValue(BaseModel):
    """What an exception says of one parameter."""

    rule: str
    parameter: str = Field(description="`on`: whether the rule is on")
    value: Any


class ExceptionOut(BaseModel):
    """Other parameters where and when a condition holds. Of several that hold, the one with more conditions wins."""

    where: str = Field(description="Its conditions")
    values: list[ExceptedValue]
    why: str
    shipped: bool = Field(description="true: it comes with Haulwatch; false: the city's own")


class RulesOut(BaseModel):
    """All rules, in the order of boards."""

    version: int = Field(description="Number of the rule set that holds; 0: none was applied, the shipped one holds")
    applied: RuleSetOut | None = Field(description="Who applied it, when and why; null for version 0")
    rules: list[RuleOut]
    exceptions: list[ExceptionOut] = Field(description="All of them, wherever was asked")


_RULE_EXAMPLE: Final = {
    "version": 7,
    "applied": {
        "version": 7,
        "applied_at": 1_790_000_000_000,
        "applied_by": "li.wei",
        "reason": "New limit on the ring road",
    },
    "rules": [
        {
            "rule": "speeding",
            "title": {"en": "Speeding", "zh": "超速"},
            "colour": "#0072B2",
            "on": True,
            "parameters": [
                {
                    "name": "limit_kmh",
                    "value": 90,
                    "default": 100,
                    "meaning": "Where no route has a limit of its own.",
                    "meaning_zh": "附近没有带限速的线路时采用。",
                }
            ],
        }
    ],
    "exceptions": [
        {
            "where": "district urban, 22:00-06:00",
            "values": [{"rule": "stopped_loaded", "parameter": "hold_s", "value": 300}],
            "why": "nobody sleeps there",
            "shipped": False,
        }
    ],
}


@router.get(
    "/rules",
    summary="Rules that hold",
    response_model=RulesOut,
    responses=answer("All rules with their parameters", _RULE_EXAMPLE) | problems(*READ, ProblemKind.NOT_FOUND),
)
def rules_that_hold(
    parts: Parts,
    device_id: Annotated[str | None, Query(max_length=64, description="As they hold for this device")] = None,
    at: Annotated[str, Query(max_length=5, description="Hour of the city's day, such as 22:30")] = "12:00",
) -> RulesOut:
    """All rules, on or off, with their parameters: those of the whole city, or as they hold for one device."""
    choice, city = parts.rules(), parts.city()
    scope = Scope() if device_id is None else scope_of(registered_device(city, device_id), city, parts.now())
    found = []
    for entry, rule in zip(CATALOGUE, choice.at(scope, _minute(at)), strict=True):
        values = {} if rule is None else rule.parameters.model_dump(mode="json")
        defaults = entry.parameters().model_dump(mode="json")
        parameters = []
        for name, default in defaults.items():
            meaning = entry.meaning(name)
            texts = {"meaning": meaning.en, "meaning_zh": meaning.zh}
            parameters.append(ParameterOut(name=name, value=values.get(name), default=default, **texts))
        is_on = rule is not None
        found.append(RuleOut(rule=entry.name, title=entry.title, colour=entry.colour, on=is_on, parameters=parameters))
    return RulesOut(
        version=choice.version,
        applied=_applied(parts, choice.version),
        rules=found,
        exceptions=list(_exceptions(choice)),
    )


def _applied(parts: Parts, version: int) -> RuleSetOut | None:
    try:
        return rule_set_out(parts.rule_sets.version(version)) if version else None
    except UnknownRuleSet:
        return None  # the registry is another one than that which the rules came from


def _exceptions(choice: RuleSetChoice) -> Iterator[ExceptionOut]:
    """The order of the file, the shipped ones first."""
    shipped_ones = len(shipped().exceptions)
    for number, exception in enumerate(choice.rule_set.exceptions):
        values = [
            ExceptedValue(rule=rule, parameter=parameter, value=value)
            for rule, change in exception.rules.items()
            for parameter, value in stated(change).items()
        ]
        yield ExceptionOut(where=str(exception.where), values=values, why=exception.why, shipped=number < shipped_ones)


def _minute(at: str) -> int:
    try:
        return minute_of_day(at)
    except ValueError as exc:
        raise invalid("query.at", "give an hour such as 22:30") from exc
