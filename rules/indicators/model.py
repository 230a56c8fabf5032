"""Indicators as people see them, and what is asked of them. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from devices.city.model import City
from rules.alerts.model import Text
from rules.cases.indicators import Figures
from rules.indicators.assessment import Assessment, SubjectKind
from rules.indicators.definitions import Aim, IndicatorId
from rules.indicators.programme import AssessmentRules


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class WhyWithheld(StrEnum):
    """Why there is no value."""

    NO_SITES = "no_sites"
    UNKNOWN_SITES = "unknown_sites"
    SITES_WITHOUT_SCALE = "sites_without_scale"
    NO_LOADS = "no_loads"
    DAYS_WITHOUT_DATA = "days_without_data"
    UNKNOWN_LOADS = "unknown_loads"
    ESTIMATES = "estimates"
    BASE = "base"
    NO_TRIPS = "no_trips"
    NO_POINTS = "no_points"
    POINTS_WITHOUT_DEPOSITS = "points_without_deposits"
    TOO_LONG_AGO = "too_long_ago"
    NO_REPORTS = "no_reports"
    REPORTS_HIDDEN = "reports_hidden"


class Withheld(_Value):
    """A reason why there is no value."""

    reason: WhyWithheld
    text: Text


class IndicatorPart(_Value):
    """A figure that the value is made of, or that goes with it."""

    id: str
    name: Text
    value: float
    unit: Text


class IndicatorQuality(_Value):
    """What the value rests on. Of the figures of weights; the others name their counts as parts."""

    loads: int = Field(description="Weighing sessions that count, or would if their weight and stream were known")
    weighed_pct: float | None = Field(description="Share of the weight with a tare that was weighed, %")
    estimated: int = Field(description="Loads with a registered or usual tare")
    without_net: int = Field(description="Loads without a net weight")
    without_stream: int = Field(description="Loads whose stream nobody knows")
    waiting: int = Field(description="Loads that wait for a person to say which truck it was; their weight counts")
    days: int = Field(description="Days that are over")
    days_without_data: int = Field(description="Of these, those without a load, or a deposit that counts")
    sites: int = Field(description="Registered sites that count")
    sites_without_scale: int = Field(description="Of these, those without a weighbridge")
    deposits: int = Field(0, description="Deposits at smart points that count")
    points: int = Field(0, description="Registered smart points whose deposits count")
    points_without_deposits: int = Field(0, description="Of these, those without a deposit in the span")


class Indicator(_Value):
    """One indicator with its definition, coverage and target."""

    id: IndicatorId
    name: Text
    unit: Text
    formula: Text
    scope: Text
    aim: Aim
    value: float | None = Field(description="null: the data cannot carry one, and `withheld` says why")
    withheld: tuple[Withheld, ...] = ()
    parts: tuple[IndicatorPart, ...] = ()
    quality: IndicatorQuality | None = None
    baseline: float | None = None
    baseline_year: int | None = None
    target: float | None = None
    target_year: int | None = None
    progress_pct: float | None = Field(
        None,
        description="How far from the baseline to the target, %; without a baseline, value of target, "
        "and null if the value is to fall",
    )
    met: bool | None = Field(None, description="The target is reached; null: no value or no target")


class LateDay(_Value):
    """What came to a day of the span after it was over."""

    day: str
    revisions: int
    net_kg: float = Field(description="By so much its weighed net weights changed, in and out together, kg")


class IndicatorReport(_Value):
    """All indicators of a span of days."""

    first_day: date
    last_day: date
    at: int = Field(description="Wall clock of the server, ms since 1970 UTC: as of then")
    city: Text
    timezone: str
    is_over: bool = Field(description="false: the last day is not over, the figures will change")
    is_part: bool = Field(description="true: of the part of the city that you may see; without targets")
    indicators: tuple[Indicator, ...]
    late: tuple[LateDay, ...] = Field(description="Days whose weighings changed after they were over")


class AssessmentReport(_Value):
    """The assessment of all hauliers, vehicles or drivers in a span of days."""

    first_day: date
    last_day: date
    at: int = Field(description="Wall clock of the server, ms since 1970 UTC: as of then")
    kind: SubjectKind
    is_over: bool = Field(description="false: the last day is not over, the figures will change")
    rules: AssessmentRules = Field(description="Weights, points and bounds by the city's file")
    items: tuple[Assessment, ...] = Field(description="The lowest score first, then those who are not assessed")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: days of the city's calendar, both included, and what other parts of the system know."""

    first_day: date
    last_day: date
    now: int
    """Wall clock, ms."""
    city: City
    """The part of the city that may be seen."""
    vehicles: frozenset[str] | None = None
    """Only loads and manifests of these vehicles; None: of all."""
    heard_at: Mapping[str, int] = field(default_factory=dict)
    """When each device was heard last, by id; ms. For the indicators."""
    reports: Figures | None = None
    """Of the cases of public reports that were opened in the span; None: they may not be seen. Likewise."""
