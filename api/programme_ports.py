"""Ports: the indicators of the city's programme, as the API needs them; a part of `api.ports`."""

from typing import Protocol

from rules.alerts.model import Text
from rules.indicators.assessment import SubjectKind
from rules.indicators.model import Asked, AssessmentReport, IndicatorReport
from rules.indicators.programme import AssessmentRules


class ProgrammeDesk(Protocol):
    """`rules.indicators.store.IndicatorStore`. Synchronous; every method may raise DatabaseError."""

    def report(self, asked: Asked) -> IndicatorReport: ...

    def assess(self, asked: Asked, kind: SubjectKind) -> AssessmentReport: ...


class NoProgramme:
    """Stands for the port where there is none."""

    def report(self, asked: Asked) -> IndicatorReport:
        return IndicatorReport(
            first_day=asked.first_day,
            last_day=asked.last_day,
            at=asked.now,
            city=Text(en=asked.city.name, zh=asked.city.name_zh),
            timezone=asked.city.timezone,
            is_over=False,
            is_part=asked.vehicles is not None,
            indicators=(),
            late=(),
        )

    def assess(self, asked: Asked, kind: SubjectKind) -> AssessmentReport:
        return AssessmentReport(
            first_day=asked.first_day,
            last_day=asked.last_day,
            at=asked.now,
            kind=kind,
            is_over=False,
            rules=AssessmentRules(),
            items=(),
        )
