"""Planning: from a change of an alert to notices in the outbox. It is the sink of an `AlertPublisher`, which follows
the journal and holds back what is shelved.

    change ─ planned before? ─ yes ─▶ nothing
       └─ new to a rule that holds for it ─▶ call: first step of the rule, and a climb for the others
       └─ somebody was notified of the alert, and it is graver, surer, amended or taken back ─▶ follow: exactly those
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from devices.city.labels import labels_of_areas
from devices.city.model import City
from devices.errors import OperatorError
from ingest.alerts.rate import calls_people
from ingest.alerts.subjects import SubjectFields
from ingest.notices.channels import Language
from ingest.notices.model import Alerts, NoticeRule, NoticeRules, Step
from ingest.notices.notice import GROUP, Climb, Kind, NewNotice, Notified
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.wording import Subject, link, reason_of, write
from rules.alerts.actions import AlertDetail, JournalEntry
from rules.alerts.model import TAKEN_BACK, AlertChange, Amendment, Phase

_MINUTE_MS: Final = 60_000
_TOLD_AGAIN: Final = TAKEN_BACK | {Amendment.EXTENDED, Amendment.DOWNGRADED}
_GOING_ON: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """The part of the alert journal that planning reads. Synchronous; raises DatabaseError."""

    def alert(self, alert_id: str, /) -> AlertDetail | None: ...


@dataclass(frozen=True)
class Rulebook:
    """The notice rules that hold, and the city that they are about."""

    rules: NoticeRules
    city: Callable[[], City]
    _subjects: SubjectFields = field(default_factory=SubjectFields, init=False, repr=False, compare=False)

    def local(self, instant: int) -> datetime:
        """An instant, ms, by the city's clocks."""
        return datetime.fromtimestamp(instant / 1000, self.zone)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.city().timezone)

    def holding(self, change: AlertChange, now: int) -> list[NoticeRule]:
        """The rules that tell of such an alert now."""
        return [rule for rule in self.rules.rules if self._holds(rule.alerts, change, now)]

    def _holds(self, alerts: Alerts, change: AlertChange, now: int) -> bool:
        city, at = self.city(), self.local(now)
        device = city.devices.get(change.subject)
        vehicle = None if device is None else city.vehicle_of(device, now)
        conditions = (
            (alerts.rule, change.rule),
            (alerts.district, None if device is None else device.district),
            (alerts.fleet, None if device is None else device.fleet),
            (alerts.carrier, None if vehicle is None else vehicle.carrier),
        )
        return (
            change.severity <= alerts.severity  # P1 is the gravest
            and all(not wanted or value in wanted for wanted, value in conditions)
            and (alerts.hours is None or alerts.hours.covers(at.hour * 60 + at.minute))
        )

    def notified_by(self, step: Step, now: int) -> list[Notified]:
        """Whom a step tells now: the people by name where each gets a message, else the group with their names."""
        people = self.rules.notified_by(step, self.local(now))
        found = []
        for channel in step.by:
            if self.rules.channels[channel].is_group:
                found.append(Notified(channel, GROUP, tuple(sorted(people))))
            else:
                found += [
                    Notified(channel, person, ()) for person in people if self.rules.people[person].mail is not None
                ]
        return found

    def notices(self, change: AlertChange, kind: Kind, reason: str, notified: Iterable[Notified]) -> list[NewNotice]:
        """A notice of this change for each of these; those who left the notice rules since are passed over."""
        reachable = [one for one in notified if one.channel in self.rules.channels and self._is_there(one.recipient)]
        return [self._notice(change, kind, reason, one) for one in reachable]

    def _is_there(self, recipient: str) -> bool:
        return recipient == GROUP or recipient in self.rules.people

    def _notice(self, change: AlertChange, kind: Kind, reason: str, notified: Notified) -> NewNotice:
        console = self.rules.console
        mentions = tuple(name for name in notified.mentions if name in self.rules.people)
        language = self.rules.language_of(notified.channel, notified.recipient or None)
        texts = write(change, reason, language, about=self._about(change, language), zone=self.zone, console=console)
        payload: dict[str, Any] | None = None
        if self.rules.channels[notified.channel].kind == "webhook":
            alert = change.model_dump(mode="json")
            payload = {"type": "alert", "kind": kind, "alert": alert}
            payload |= {"link": link(console, change.alert_id)} if console is not None else {}
        return NewNotice(
            alert_id=change.alert_id,
            event=event_of(change),
            channel=notified.channel,
            recipient=notified.recipient,
            mentions=mentions,
            kind=kind,
            rule=change.rule,
            severity=str(change.severity),
            language=language,
            subject=texts.subject,
            body=texts.body,
            payload=payload,
        )

    def _about(self, change: AlertChange, language: Language) -> Subject:
        city, subject = self.city(), change.subject
        device = city.devices.get(subject)
        if device is None:
            return Subject(subject)
        label = self._subjects.of(subject, city, change.at)["label" if language == "en" else "label_zh"]
        district = labels_of_areas(city.districts).get(device.district or "")
        named = (device.district or "") if district is None else getattr(district, language)
        return Subject(str(label) or subject, named)


class _News(NamedTuple):
    """What a change is to those who were notified of the alert."""

    kind: Kind
    reason: str


class NoticePlanner:
    """Implements `ingest.alerts.publisher.AlertSink`. Notices are planned once for each change."""

    def __init__(
        self,
        book: Rulebook,
        outbox: NoticeOutbox,
        journal: Journal,
        now: Callable[[], int],
        *,
        not_before: int,
        was_held: Callable[[JournalEntry], bool],
    ) -> None:
        """`now`: the wall clock, ms. `not_before`: nobody is notified of what was recorded earlier. `was_held`: True
        for a change that a shelf held back until now.
        """
        self._book, self._outbox, self._journal, self._now = book, outbox, journal, now
        self._not_before, self._was_held = not_before, was_held

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        """Plan them. Returns those at which planning fails by a bug: they are tried again. Raises DatabaseError,
        CursorsUnavailable.
        """
        failed: list[JournalEntry] = []
        for entry in entries:
            try:
                await asyncio.to_thread(partial(self.plan, entry))
            except OperatorError:
                raise
            except Exception:  # noqa: BLE001 - one alert holds up no other
                alert = {"alert_id": entry.change.alert_id}
                _log.exception("notices: change %d cannot be planned, tried again", entry.sequence, extra=alert)
                failed.append(entry)
        return failed

    def plan(self, entry: JournalEntry) -> bool:
        """Plan one change. True if it led to notices. Raises DatabaseError."""
        change, now = entry.change, self._now()
        if entry.recorded_at < self._not_before:
            return False
        notified = _together(self._outbox.notified(change.alert_id))
        new_rules = self._new_rules(entry, now)
        if not notified and not new_rules:
            return False
        first = _together(call for rule in new_rules for call in self._book.notified_by(rule.steps[0], now))
        climbs = [climb for rule in new_rules for climb in _begun(change.alert_id, rule, first, now)]
        notices: list[NewNotice] = []
        if first:
            spared = self._outbox.notified(change.takes_over) if change.takes_over else []
            if spared:
                self._inherit(change, spared, now)
                first, notified = without(first, spared), _together([*notified, *spared])
            notices += self._book.notices(change, Kind.CALL, reason_of(change, Kind.CALL), without(first, notified))
        news = self._news(entry) if notified else None
        if news is not None:
            notices += self._book.notices(change, news.kind, news.reason, notified)
        if not notices and not climbs:
            return False
        return self._outbox.plan(change.alert_id, event_of(change), notices, climbs, now)

    def _inherit(self, change: AlertChange, notified: Sequence[Notified], now: int) -> None:
        """Note who was notified of the incident by an alert that is merged into this one: they hear of what follows."""
        event = f"inherited {change.takes_over}"
        notices = self._book.notices(change, Kind.CALL, reason_of(change, Kind.CALL), notified)
        kept = [new._replace(event=event) for new in notices]
        self._outbox.plan(change.alert_id, event, kept, (), now, inherited=True)

    def _new_rules(self, entry: JournalEntry, now: int) -> list[NoticeRule]:
        """The rules that tell of this alert from now on."""
        change = entry.change
        late_end = change.amendment is Amendment.NEW_LATE and change.closed_at is not None
        held = change.phase in _GOING_ON and change.closed_at is None and self._was_held(entry)
        if not (calls_people(change) or late_end or held):
            return []
        found = self._book.holding(change, now)
        if not found:
            return []
        climbed = self._outbox.climbed(change.alert_id)
        found = [rule for rule in found if rule.name not in climbed]
        if not found:
            return []
        detail = self._journal.alert(change.alert_id)
        over_at = None if detail is None else detail.alert.closed_at
        if detail is not None and (detail.alert.outcome is not None or detail.alert.amendment in TAKEN_BACK):
            return []  # dealt with before it could be sent
        return [rule for rule in found if over_at is None or now - over_at <= rule.max_age_min * _MINUTE_MS]

    def _news(self, entry: JournalEntry) -> _News | None:
        """What the change is to those who were notified; None: nothing that they need to know."""
        change = entry.change
        if change.amendment in _TOLD_AGAIN:
            kind = Kind.TAKEN_BACK if change.amendment in TAKEN_BACK else Kind.FOLLOW
            return _News(kind, str(change.amendment))
        detail = self._journal.alert(change.alert_id)
        if detail is None:
            return None
        before = [one.change for one in detail.changes if one.sequence < entry.sequence]
        reopened = detail.alert.reopened_at == entry.recorded_at
        if (reason := _how_it_goes_on(change, before, reopened=reopened)) is not None:
            return _News(Kind.FOLLOW, reason)
        ended = change.closed_at is not None and bool(before) and all(one.closed_at is None for one in before)
        return _News(Kind.ENDED, "ended") if ended and self._tells_end(change.alert_id) else None

    def _tells_end(self, alert_id: str) -> bool:
        rules = map(self._book.rules.rule, self._outbox.climbed(alert_id))
        return any(rule.tell_end for rule in rules if rule is not None)


def _how_it_goes_on(change: AlertChange, before: Sequence[AlertChange], *, reopened: bool) -> str | None:
    """Why those who were notified must hear that an alert goes on; None: they need not."""
    if change.phase not in _GOING_ON or not before:
        return None
    if reopened:
        return "reopened"
    if change.severity < min(one.severity for one in before):
        return "graver"
    is_first = change.phase is Phase.CONFIRMED and all(one.phase is Phase.PROVISIONAL for one in before)
    return "confirmed" if is_first else None


def event_of(change: AlertChange) -> str:
    """Names a change of an alert in the outbox."""
    return f"{change.phase} {change.revision}"


def _begun(alert_id: str, rule: NoticeRule, first: Sequence[Notified], now: int) -> Iterator[Climb]:
    """The climb that begins with the first step of a rule. Where it reaches nobody, the next step is at once."""
    if len(rule.steps) == 1:
        yield Climb(alert_id, rule.name, 0, None)
    else:
        yield Climb(alert_id, rule.name, 0, now + wait_ms(rule.steps[1]) if first else now)


def wait_ms(step: Step) -> int:
    """How long after the step before it this one is."""
    return round((step.after_min or 0) * _MINUTE_MS)


def _together(notified: Iterable[Notified]) -> list[Notified]:
    """Each recipient of each channel once; a group once, with all who are mentioned."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in notified:
        found.setdefault((one.channel, one.recipient), set()).update(one.mentions)
    return [Notified(channel, recipient, tuple(sorted(names))) for (channel, recipient), names in found.items()]


def without(notified: Iterable[Notified], others: Iterable[Notified]) -> list[Notified]:
    """Those who are not among the others. A group is notified again only for people who were not mentioned there."""
    before = {(one.channel, one.recipient): set(one.mentions) for one in _together(others)}
    found = []
    for one in notified:
        already = before.get((one.channel, one.recipient))
        names = tuple(name for name in one.mentions if already is None or name not in already)
        if already is None or names:
            found.append(Notified(one.channel, one.recipient, names))
    return found
