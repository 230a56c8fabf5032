"""The notice rules that hold, as people read them."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import OPERATORS
from api.access.visible import Parts, whole_city
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.ports import ApiParts
from devices.db.versions import StoredVersion
from devices.people.model import Role
from ingest.notices.channels import Channel
from ingest.notices.model import Alerts, Contact, DutyLine, NoticeRule, NoticeRules, Step
from ingest.notices.reading import BadNoticeRules, read_notice_rules

router = APIRouter(tags=["notices"], dependencies=[*PERSONAL, *OPERATORS, Depends(whole_city)])

_VERSIONS: Final = 20
_ADDRESS: Final = re.compile(r"[^\s<>@,;:\"']+@[^\s<>@,;:\"']+|\+?[0-9]{7,}")
"""Of mail, and numbers as long as those of telephones."""
READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)


class AppliedNoticeRules(BaseModel):
    """One version of the notice rules."""

    version: int
    applied_at: int = Field(description="Wall clock, ms")
    applied_by: str
    reason: str


class NoticeAddresses(BaseModel):
    """Where a person is reached."""

    mail: str | None
    mobile: str | None
    wecom: str | None
    feishu: str | None


class NoticePerson(BaseModel):
    """A person who is notified."""

    name: str = Field(description="As the rules name the person")
    display_name: str
    roles: list[str]
    language: str | None = Field(description="Null: that of the channel or of the file")
    reached_by: list[str] = Field(description="Channels that write to the person, or mention the person in a group")
    addresses: NoticeAddresses | None = Field(description="For administrators only; null for others")


class DutyLineOut(BaseModel):
    """Who is on duty on some days, or on some dates, at some hours."""

    who: list[str]
    days: list[int] = Field(description="Days of the week, 0 is Monday; they do not count where there are dates")
    dates: list[list[str]] = Field(description="First and last date of each span")
    hours: str = Field(description="`18:00-08:00` by the city's clocks; past midnight they belong to the day before")


class DutyTableOut(BaseModel):
    """An on-duty table."""

    name: str
    on_duty: list[str] = Field(description="Who is on duty now")
    lines: list[DutyLineOut]


class NoticeAlertsOut(BaseModel):
    """Which alerts a rule is about; empty lists: any."""

    rule: list[str]
    severity: str = Field(description="This or graver")
    district: list[str]
    fleet: list[str]
    carrier: list[str]
    hours: str | None


class NoticeStepOut(BaseModel):
    """Whom a step notifies, by which channels."""

    after_min: float | None = Field(description="Minutes without an acknowledgement; null in the first step")
    by: list[str]
    people: list[str]
    roles: list[str]
    duty: list[str]
    now: list[str] = Field(description="The people whom it would notify now")


class NoticeRuleOut(BaseModel):
    """Alerts, and the steps by which people are notified of them."""

    name: str
    alerts: NoticeAlertsOut
    steps: list[NoticeStepOut]
    max_age_min: float
    stop_when_over: bool
    tell_end: bool


class NoticeRulesOut(BaseModel):
    """The notice rules that hold."""

    applied: AppliedNoticeRules | None = Field(description="Null: none were ever applied, and nobody is notified")
    faults: list[str] = Field(description="Why this program cannot read them; then nothing is sent")
    console: str | None = Field(description="Address of the console in links; null: notices have none")
    language: str | None
    rules: list[NoticeRuleOut]
    duty: list[DutyTableOut]
    people: list[NoticePerson]
    versions: list[AppliedNoticeRules] = Field(description="The newest versions, newest first")
    content: str | None = Field(description="The file as it was applied, YAML; for administrators only")


_APPLIED: Final = {
    "version": 3,
    "applied_at": 1_790_000_000_000,
    "applied_by": "li.wei",
    "reason": "Winter duty",
}
_EXAMPLE: Final = {
    "applied": _APPLIED,
    "faults": [],
    "console": "https://haulwatch.example",
    "language": "zh",
    "rules": [
        {
            "name": "dumping",
            "alerts": {
                "rule": ["illegal_dumping"], "severity": "P2", "district": ["urban"], "fleet": [], "carrier": [],
                "hours": "18:00-08:00",
            },
            "steps": [
                {"after_min": None, "by": ["duty-group"], "people": [], "roles": [], "duty": ["night"], "now": ["li"]},
                {"after_min": 10, "by": ["post"], "people": ["boss"], "roles": [], "duty": [], "now": ["boss"]},
            ],
            "max_age_min": 240, "stop_when_over": False, "tell_end": False,
        }
    ],
    "duty": [
        {
            "name": "night",
            "on_duty": ["li"],
            "lines": [{"who": ["li"], "days": [0, 1, 2, 3, 4], "dates": [], "hours": "18:00-08:00"}],
        }
    ],
    "people": [
        {
            "name": "li", "display_name": "李明", "roles": ["officer"], "language": None,
            "reached_by": ["duty-group"], "addresses": None,
        }
    ],
    "versions": [_APPLIED],
    "content": None,
}  # fmt: skip


@router.get(
    "/notice-rules",
    summary="Notice rules that hold",
    response_model=NoticeRulesOut,
    responses=answer("Who is notified of which alerts", _EXAMPLE) | problems(*READ),
)
def notice_rules_that_hold(parts: Parts, caller: CurrentCaller) -> NoticeRulesOut:
    """Who is notified of which alerts, when and by which channels, and who is on duty now.

    Addresses of people, and the file, are shown to administrators only. The file names secrets and holds none.
    """
    versions = [_applied(stored) for stored in parts.notice_desk.history(_VERSIONS)]
    stored, rules, faults = current_rules(parts)
    is_administrator = caller.role.covers(Role.ADMINISTRATOR)
    at = datetime.fromtimestamp(parts.now() / 1000, ZoneInfo(parts.city().timezone))
    return NoticeRulesOut(
        applied=versions[0] if versions else None,
        faults=list(faults),
        console=rules.console,
        language=rules.language if stored is not None else None,
        rules=[_rule(rule, rules, at) for rule in rules.rules],
        duty=[_table(name, lines, rules, at) for name, lines in rules.duty.items()],
        people=[
            _person(name, contact, rules, shows_addresses=is_administrator) for name, contact in rules.people.items()
        ],
        versions=versions,
        content=stored.content if stored is not None and is_administrator else None,
    )


def current_rules(parts: ApiParts) -> tuple[StoredVersion | None, NoticeRules, Sequence[str]]:
    """The version that holds with its rules, and why they cannot be read; without any the rules are empty."""
    found = parts.notice_desk.history(1)
    if not found:
        return None, NoticeRules(), ()
    try:
        return found[0], read_notice_rules(found[0].content.encode(), f"notice rules {found[0].version}"), ()
    except BadNoticeRules as exc:
        return found[0], NoticeRules(), exc.faults


def where_of(channel: Channel) -> str:
    """The service's own address without what may be secret in it: a program's path stays out."""
    for name in ("server", "url", "host"):
        if (found := getattr(channel, name, None)) is not None and channel.kind != "apprise":
            return str(found).partition("://")[2].partition("/")[0] or str(found)
    return ""


def shown_error(text: str, caller: Caller) -> str:
    """A service's words; for all but administrators without addresses, which mail servers repeat."""
    return text if caller.role.covers(Role.ADMINISTRATOR) else _ADDRESS.sub("***", text)


def _applied(stored: StoredVersion) -> AppliedNoticeRules:
    return AppliedNoticeRules(
        version=stored.version, applied_at=stored.applied_at, applied_by=stored.applied_by, reason=stored.reason
    )


def _rule(rule: NoticeRule, rules: NoticeRules, at: datetime) -> NoticeRuleOut:
    return NoticeRuleOut(
        name=rule.name,
        alerts=_alerts(rule.alerts),
        steps=[_step(step, rules, at) for step in rule.steps],
        max_age_min=rule.max_age_min,
        stop_when_over=rule.stop_when_over,
        tell_end=rule.tell_end,
    )


def _alerts(alerts: Alerts) -> NoticeAlertsOut:
    return NoticeAlertsOut(
        rule=list(alerts.rule),
        severity=alerts.severity,
        district=list(alerts.district),
        fleet=list(alerts.fleet),
        carrier=list(alerts.carrier),
        hours=None if alerts.hours is None else str(alerts.hours),
    )


def _step(step: Step, rules: NoticeRules, at: datetime) -> NoticeStepOut:
    tell = step.tell
    return NoticeStepOut(
        after_min=step.after_min,
        by=list(step.by),
        people=list(tell.people),
        roles=list(tell.roles),
        duty=list(tell.duty),
        now=list(rules.notified_by(step, at)),
    )


def _table(name: str, lines: Sequence[DutyLine], rules: NoticeRules, at: datetime) -> DutyTableOut:
    found = [
        DutyLineOut(
            who=list(line.who),
            days=sorted(line.days),
            dates=[[first.isoformat(), last.isoformat()] for first, last in line.dates],
            hours=str(line.hours),
        )
        for line in lines
    ]
    return DutyTableOut(name=name, on_duty=list(rules.on_duty(name, at)), lines=found)


def _person(name: str, contact: Contact, rules: NoticeRules, *, shows_addresses: bool) -> NoticePerson:
    addresses = NoticeAddresses(
        mail=contact.mail, mobile=contact.mobile, wecom=contact.wecom, feishu=contact.feishu
    )  # fmt: skip
    return NoticePerson(
        name=name,
        display_name=contact.name,
        roles=list(contact.roles),
        language=contact.language,
        reached_by=list(_reaching(name, rules)),
        addresses=addresses if shows_addresses else None,
    )


def _reaching(name: str, rules: NoticeRules) -> Iterator[str]:
    return (channel for channel in rules.channels if rules.reaches(channel, name))
