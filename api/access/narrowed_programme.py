"""Indicators as somebody sees them who may see a part of the city: of its vehicles, sites and points only."""

from collections.abc import Callable
from dataclasses import replace

from api.programme_ports import ProgrammeDesk
from devices.city.model import City
from rules.indicators.assessment import SubjectKind
from rules.indicators.model import Asked, AssessmentReport, IndicatorReport


class NarrowedProgramme:
    """Stands for the port of the programme."""

    def __init__(self, desk: ProgrammeDesk, city: Callable[[], City]) -> None:
        """`city`: the part that the caller may see."""
        self._desk, self._city = desk, city

    def report(self, asked: Asked) -> IndicatorReport:
        return self._desk.report(self._narrowed(asked))

    def assess(self, asked: Asked, kind: SubjectKind) -> AssessmentReport:
        return self._desk.assess(self._narrowed(asked), kind)

    def _narrowed(self, asked: Asked) -> Asked:
        city = self._city()
        return replace(asked, city=city, vehicles=frozenset(city.vehicles))
