"""The city's file of its programme: baselines and targets, what counts, how good the data must be, weights. YAML.

    population: 2190000
    recyclables_from: sorting_centres                # or points, or both: where recyclables are weighed that count
    indicators:
      construction_recycling:
        baseline: 14.34
        baseline_year: 2020
        target: 60
        target_year: 2025
        sites: [plant-wangjiang, spoil-nw-1]     # only these count; none: all of the kinds that the definition names
    needs: {sites_pct: 80, days_pct: 80, known_pct: 95, weighed_pct: 50}
    assessment:
      weights: {alerts: 50, manifests: 30, data: 20}
      least_trips: 10
      least_data_pct: 50

Targets are in the unit of the indicator. The file holds no secrets and nothing about people.
"""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.bounded_files import read_yaml_model
from devices.errors import OperatorError
from devices.readings.streams import STREAM_NAMES
from devices.readings.text import ShortText
from devices.spelling import did_you_mean
from rules.alerts.model import Severity
from rules.indicators.definitions import Aim, IndicatorId, RecyclablesFrom

_Year = Annotated[int, Field(ge=1990, le=2100)]
_Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_Value = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]
_Points = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


class ProgrammeFileError(OperatorError):
    """The file cannot be used; names each field and what to write."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Target(_Row):
    """What a city has set for one indicator."""

    baseline: _Value | None = None
    baseline_year: _Year | None = None
    target: _Value | None = None
    target_year: _Year | None = None
    aim: Aim | None = None
    """None: as the definition has it."""
    streams: tuple[ShortText, ...] = ()
    """Only these streams count; empty: those of the definition."""
    sites: tuple[ShortText, ...] | None = Field(None, min_length=1, max_length=1_000)
    """Only these sites count, by their ids; None: all of the kinds of the definition."""

    @model_validator(mode="after")
    def _has_streams_that_are_some(self) -> Self:
        for stream in self.streams:
            if stream not in STREAM_NAMES:
                guess = did_you_mean(stream, list(STREAM_NAMES))
                raise ValueError(f"streams: no stream {stream!r}{guess and f': {guess}'}")
        return self


class Needs(_Row):
    """How good the data must be for a value; below, there is none, and the reason is given. Our choice: a share of a
    city from half of its sites is a share of something else.
    """

    sites_pct: _Percent = 80.0
    """Of the sites that count, those with a weighbridge; of the smart points, those with a deposit."""
    days_pct: _Percent = 80.0
    """Of the days that are over, those with a load or a deposit that counts: holidays fit in."""
    known_pct: _Percent = 95.0
    """Of the loads, those with a net weight and a stream."""
    weighed_pct: _Percent = 50.0
    """Of the weight, that with a tare that was weighed."""


class AssessmentWeights(_Row):
    """How much each part is worth; one with 0 is not asked."""

    alerts: _Percent = 50.0
    manifests: _Percent = 30.0
    data: _Percent = 20.0

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if self.alerts + self.manifests + self.data == 0:
            raise ValueError("give at least one part a weight above 0")
        return self


class AssessmentRules(_Row):
    """How hauliers, vehicles and drivers are assessed."""

    weights: AssessmentWeights = AssessmentWeights()
    points: dict[Severity, _Points] = {Severity.P1: 40.0, Severity.P2: 15.0, Severity.P3: 5.0, Severity.P4: 1.0}
    """Taken off for each upheld alert in 100 trips."""
    least_trips: Annotated[int, Field(ge=1, le=100_000)] = 10
    """With fewer trips nobody is assessed: a single one would decide."""
    least_data_pct: _Percent = 50.0
    """With a smaller share of complete data nobody is assessed: who is not seen raises no alerts."""


class Programme(_Row):
    """The file, checked. Without a file: no targets, all defaults."""

    population: Annotated[int, Field(gt=0, le=200_000_000)] | None = None
    """Of the area whose household waste is collected, for kg a day and head."""
    recyclables_from: RecyclablesFrom = RecyclablesFrom.SORTING_CENTRES
    """In most cities points are emptied to sorting centres, so both would count what they collect twice."""
    indicators: dict[IndicatorId, Target] = {}
    needs: Needs = Needs()
    assessment: AssessmentRules = AssessmentRules()

    def target(self, indicator: IndicatorId) -> Target:
        return self.indicators.get(indicator, _NONE)


_NONE: Final = Target()


def read_programme(path: Path | None) -> Programme:
    """Read the file; None: there is none. Raises ProgrammeFileError, OSError."""
    return Programme() if path is None else read_yaml_model(path, Programme, ProgrammeFileError, _fault)


def _fault(where: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in where if part != "[key]") or "file"
    name = str(where[1]) if len(where) > 1 else ""
    if where[:1] == ("indicators",) and name not in list(IndicatorId):
        guess = did_you_mean(name, [str(one) for one in IndicatorId])
        return f"{field}: no such indicator: {guess or 'write one of ' + ', '.join(IndicatorId)}"
    return f"{field}: {message.removeprefix('Value error, ')}"
