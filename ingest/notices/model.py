"""Notice rules as data: channels, people, on-duty tables, and who is notified of which alerts in which steps."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from devices.city.hours import Hours, hours_of_day
from devices.spelling import did_you_mean
from ingest.notices.channels import Channel, Language, Name, Part, secure_url
from rules.alerts.model import Severity

MAX_TOLD: Final = 40
"""People of one step."""
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _list(value: object) -> object:
    """One value or several."""
    return [value] if isinstance(value, str) else value


def _days(value: object) -> object:
    """Read days of the week: `daily`, `mon-fri`, or `sat, sun`; 0 is Monday. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found: set[int] = set()
    for part in value.replace(" ", "").split(","):
        first, _, last = ("mon-sun" if part == "daily" else part).partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"{part!r} are no days: write daily, mon-fri, or sat, sun")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update((start + offset) % 7 for offset in range((end - start) % 7 + 1))
    return frozenset(found)


def _dates(value: object) -> object:
    """Read dates: `2026-10-01`, or `2026-10-01..2026-10-07`; one or a list. Raises ValueError."""
    found: list[tuple[date, date]] = []
    for one in value if isinstance(value, list) else [value]:
        first, _, last = str(one).partition("..")
        try:
            span = (date.fromisoformat(first), date.fromisoformat(last or first))
        except ValueError:
            raise ValueError(f"{one} is no date: write 2026-10-01, or 2026-10-01..2026-10-07") from None
        if span[1] < span[0]:
            raise ValueError(f"{one} ends before it begins")
        found.append(span)
    return tuple(found)


def _hours(value: object) -> object:
    if isinstance(value, Hours):
        return value
    try:
        return hours_of_day(value)
    except ValueError:
        raise ValueError('are no hours: write them in quotes, such as "22:00-06:00"') from None


Names = Annotated[tuple[Name, ...], BeforeValidator(_list)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
DaysOfWeek = Annotated[frozenset[int], BeforeValidator(_days)]
Dates = Annotated[tuple[tuple[date, date], ...], BeforeValidator(_dates)]
HoursOfDay = Annotated[Hours, BeforeValidator(_hours)]


class Contact(Part):
    """A person who is notified, and where that person is reached."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    language: Language | None = None
    roles: Names = ()
    mail: Annotated[str, StringConstraints(pattern=r"^[^@\s<>]+@[^@\s<>]+$")] | None = None
    mobile: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{5,20}$")] | None = None
    """By which WeCom and DingTalk mention the person."""
    wecom: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")] | None = None
    """User id in WeCom."""
    feishu: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")] | None = None
    """Open id (`ou_…`) in Feishu."""


class DutyLine(Part):
    """Who is on duty on some days, or on some dates, at some hours."""

    who: Names
    days: DaysOfWeek = frozenset(range(7))
    dates: Dates = ()
    """Lines with dates, such as holidays, stand in place of those with days."""
    hours: HoursOfDay = Hours(0, 24 * 60)
    """By the city's clocks. Past midnight they belong to the day on which they begin."""

    def covers(self, at: datetime) -> bool:
        minute = at.hour * 60 + at.minute
        if not self.hours.covers(minute):
            return False
        past_midnight = self.hours.end_min <= self.hours.start_min and minute < self.hours.end_min
        day = at.date() - timedelta(days=1) if past_midnight else at.date()
        if self.dates:
            return any(first <= day <= last for first, last in self.dates)
        return day.weekday() in self.days


class Tell(Part):
    """Whom a step tells."""

    people: Names = ()
    roles: Names = ()
    """All people with one of these roles."""
    duty: Names = ()
    """Who is on duty by one of these tables."""


class Step(Part):
    """One step of a rule: whom to tell, by which channels, and how long after the step before."""

    tell: Tell = Tell()
    """Nobody: the channels alone, such as a group or a program."""
    by: Annotated[Names, Field(min_length=1)]
    after_min: Annotated[float, Field(gt=0, le=7 * 24 * 60)] | None = None
    """Minutes; the first step has none."""


class Alerts(Part):
    """Which alerts a rule tells of. No values: any."""

    rule: Words = ()
    severity: Severity = Severity.P4
    """This or graver."""
    district: Words = ()
    fleet: Words = ()
    carrier: Words = ()
    hours: HoursOfDay | None = None
    """When it becomes known, by the city's clocks."""


class NoticeRule(Part):
    """Alerts, and the steps by which people are notified of them."""

    name: Name
    alerts: Alerts = Alerts()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=10)]
    max_age_min: Annotated[float, Field(gt=0)] = 240.0
    """An alert that had been over for longer than this when it could be sent calls nobody: nobody can act. What is
    still open is never too old. 4 h, as HAULWATCH_ALERT_CALL_WITHIN_H has it."""
    stop_when_over: bool = False
    """End the steps also when the alert ends by itself; else a person has to acknowledge it."""
    tell_end: bool = False
    """Tell whoever was notified also that it ended by itself."""

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if steps[0].after_min is not None:
            raise ValueError("the first step is at once: leave its `after_min` out")
        if any(step.after_min is None for step in steps[1:]):
            raise ValueError("give each further step `after_min`: minutes without an acknowledgement")
        return steps


class NoticeRules(Part):
    """All that a city has decided about its notices."""

    console: str | None = None
    """Address of the console, for links. None: notices have no link."""
    language: Language = "zh"
    channels: dict[Name, Channel] = Field(default_factory=dict)
    people: dict[Name, Contact] = Field(default_factory=dict)
    duty: dict[Name, tuple[DutyLine, ...]] = Field(default_factory=dict)
    rules: Annotated[tuple[NoticeRule, ...], Field(max_length=200)] = ()

    @field_validator("console")
    @classmethod
    def _console(cls, url: str | None) -> str | None:
        return None if url is None else secure_url(url).rstrip("/")

    def on_duty(self, table: str, at: datetime) -> tuple[str, ...]:
        """Who is on duty by a table at a time of the city's zone."""
        lines = [line for line in self.duty[table] if line.covers(at)]
        lines = [line for line in lines if line.dates] or [
            line for line in lines if not self._has_dates(table, line, at)
        ]
        return tuple(dict.fromkeys(name for line in lines for name in line.who))

    def notified_by(self, step: Step, at: datetime) -> tuple[str, ...]:
        """The people whom a step tells, each once."""
        by_role = (name for name, person in self.people.items() if set(person.roles) & set(step.tell.roles))
        on_duty = (name for table in step.tell.duty for name in self.on_duty(table, at))
        return tuple(dict.fromkeys((*step.tell.people, *by_role, *on_duty)))

    def may_tell(self, step: Step) -> frozenset[str]:
        """The people whom a step tells at one time or another."""
        by_role = (name for name, person in self.people.items() if set(person.roles) & set(step.tell.roles))
        on_duty = (name for table in step.tell.duty for line in self.duty.get(table, ()) for name in line.who)
        return frozenset((*step.tell.people, *by_role, *on_duty))

    def reaches(self, channel: str, person: str) -> bool:
        """True if a channel writes to a person, or mentions that person in its group."""
        contact = self.people[person]
        match self.channels[channel].kind:
            case "mail":
                return contact.mail is not None
            case "wecom":
                return (contact.wecom or contact.mobile) is not None
            case "dingtalk":
                return contact.mobile is not None
            case "feishu":
                return contact.feishu is not None
            case _:
                return False

    def rule(self, name: str) -> NoticeRule | None:
        return next((rule for rule in self.rules if rule.name == name), None)

    def language_of(self, channel: str, person: str | None) -> Language:
        contact = self.people.get(person) if person else None
        own = contact.language if contact is not None else None
        return own or self.channels[channel].language or self.language

    def _has_dates(self, table: str, line: DutyLine, at: datetime) -> bool:
        """True if the day on which the hours of `line` began has lines of its own date."""
        minute = at.hour * 60 + at.minute
        past_midnight = line.hours.end_min <= line.hours.start_min and minute < line.hours.end_min
        day = datetime.combine(at.date() - timedelta(days=past_midnight), time(0))
        return any(first <= day.date() <= last for other in self.duty[table] for first, last in other.dates)


def unresolved(rules: NoticeRules) -> list[tuple[tuple[str | int, ...], str]]:
    """Names that nothing has, and people without an address that a channel needs: place in the file, and what to do."""
    found: list[tuple[tuple[str | int, ...], str]] = []

    def check(place: tuple[str | int, ...], names: tuple[str, ...], there: Mapping[str, object], what: str) -> None:
        found.extend((place, f"no {what} {name!r}: {_choices(name, there)}") for name in names if name not in there)

    roles = {role: None for person in rules.people.values() for role in person.roles}
    for table, lines in rules.duty.items():
        for number, line in enumerate(lines):
            check(("duty", table, number, "who"), line.who, rules.people, "person")
    names: dict[str, int] = {}
    for index, rule in enumerate(rules.rules):
        if names.setdefault(rule.name, index) != index:
            found.append((("rules", index, "name"), f"{rule.name!r} names another rule too: give each its own"))
        for number, step in enumerate(rule.steps):
            place = ("rules", index, "steps", number)
            check((*place, "by"), step.by, rules.channels, "channel")
            check((*place, "tell", "people"), step.tell.people, rules.people, "person")
            check((*place, "tell", "duty"), step.tell.duty, rules.duty, "on-duty table")
            check((*place, "tell", "roles"), step.tell.roles, roles, "person with the role")
            found.extend((place, text) for text in _unreachable(rules, step))
    return found


def _unreachable(rules: NoticeRules, step: Step) -> list[str]:
    """People whom a step cannot reach."""
    people = rules.may_tell(step)
    texts = [f"tells {len(people)} people, at most {MAX_TOLD}: divide the step"] if len(people) > MAX_TOLD else []
    for name in step.by:
        channel = rules.channels.get(name)
        if channel is None or channel.is_group:
            continue
        if not people:
            texts.append(f"channel {name!r} tells people, and the step names none: write `tell`")
        without = sorted(one for one in people if one in rules.people and rules.people[one].mail is None)
        texts.extend(f"person {one!r} has no `mail`, which channel {name!r} needs" for one in without)
    return texts


def _choices(name: str, there: Mapping[str, object]) -> str:
    return did_you_mean(name, there) or f"there are {', '.join(sorted(there)) or 'none'}"
