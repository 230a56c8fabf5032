"""Alerts as judgement makes them: changes, phases, and the evidence they rest on."""

from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Severity(StrEnum):
    """How soon somebody must act."""

    P1 = "P1"
    """Act now."""
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    """Information."""


class Phase(StrEnum):
    """Phase of an alert. A candidate is silent: only the engine has it, and it is never published."""

    CANDIDATE = "candidate"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    CLOSED = "closed"
    AMENDED = "amended"


class Amendment(StrEnum):
    """What later data changed about an alert."""

    NEW_LATE = "new_late"
    """It comes of readings that were uploaded late; dated by device time."""
    EXTENDED = "extended"
    """Late readings show that it is graver or surer than was published, or goes on."""
    DOWNGRADED = "downgraded"
    """Late readings show that it is less grave or less sure, or has ended."""
    RETRACTED = "retracted"
    """It was none."""
    MERGED = "merged"
    """It is part of another alert, which stands for both."""


TAKEN_BACK: Final = frozenset({Amendment.RETRACTED, Amendment.MERGED})
"""After these an alert stands for nothing more."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Text(_Value):
    """Text for people, in both languages."""

    en: str
    zh: str


class ReadingRef(_Value):
    """A reading an alert rests on, so that it can be looked up again."""

    device_id: str
    kind: str
    ts: int
    """Device time, ms."""
    values: dict[str, Any] = Field(validation_alias=AliasChoices("values", "says"))
    """The fields that mattered, with their units in the names. Records written before this name have `says`."""


class Evidence(_Value):
    """Why the rule gave its verdict."""

    parameters: dict[str, Any]
    """Parameters of the rule when it gave the verdict."""
    findings: tuple[Text, ...] = ()
    """What supports the verdict, one sentence each."""
    ruled_out: tuple[Text, ...] = ()
    """What was checked and not found."""
    readings: tuple[ReadingRef, ...] = ()
    measures: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """Figures of the incident, with units in the names (`detour_m`, `score`)."""


class AlertChange(_Value):
    """One change of one alert. Applying it twice changes nothing: (alert_id, phase, revision) is its key."""

    alert_id: str
    revision: int
    """1 for the first published change of an alert, then one more each. An alert that `continues` another counts on."""
    rule: str
    rule_version: int
    subject: str
    """The device the alert is about."""
    phase: Phase
    severity: Severity
    at: int
    """When the change happened, device time, ms."""
    opened_at: int
    """When the incident began, device time, ms."""
    closed_at: int | None = None
    amendment: Amendment | None = None
    title: Text
    lat: float | None = None
    lon: float | None = None
    evidence: Evidence
    onset: int | None = None
    """When the incident of this change began, device time, ms: after `opened_at` where incidents near each other are
    one alert. None in changes recorded before 2026-11-29."""
    rule_set: int = 0
    """Number of the rule set by which it was judged; 0: none was applied, or recorded before 2026-12-01."""
    revised: bool = False
    """Nothing happened: better values of the same incident came in."""
    takes_over: str | None = None
    """The alert that called people for this incident, at this severity or a graver one, and that is merged into this
    one: who was called for that need not be called again."""
    continues: str | None = None
    """The alert that judgement calls it, where a person had closed that one before this incident began. Set by the
    journal."""

    @property
    def key(self) -> str:
        """Tells this change from all others."""
        return f"{self.alert_id} {self.phase} {self.revision}"


def alert_id(rule: str, subject: str, incident_start_ms: int) -> str:
    """The id of an incident's alert, 16 hex digits. It is derived, not random: every replay gives the same id."""
    return blake2b(f"{rule}|{subject}|{incident_start_ms}".encode(), digest_size=8).hexdigest()
