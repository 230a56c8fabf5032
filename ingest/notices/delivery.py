"""Delivery by one channel: from the outbox to the service, one attempt at a time.

    waiting ─ superseded? ─▶ withdrawn
       └─ tokens? ─ yes ─▶ sending ─▶ service ─▶ sent, or waiting again
            └─ no ─▶ two or more of one recipient ─▶ one digest a minute

A later change of an alert stands for an earlier one that has not left yet; one that takes the alert back goes only to
whoever got the earlier. What the limits of a channel keep waiting becomes a digest: who is called about a thousand
alerts wants one message.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ingest.notices.bucket import TokenBucket
from ingest.notices.channels import Unconfirmed
from ingest.notices.model import NoticeRules
from ingest.notices.notice import Kind, NewNotice, Notice, State
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.senders.port import Delivery, Message, Outcome, Sender
from ingest.notices.wording import DigestLine, repeated, write_digest
from ingest.process.backoff import MAX_RETRY_AFTER_S, Backoff
from rules.alerts.model import Severity

BATCH: Final = 5_000
"""Notices that are looked at at once: 1,000 alerts in a minute, each sent to five people."""
DIGEST_EVERY_MS: Final = 60_000
STUCK_MS: Final = 90_000
"""Longer than an attempt: of HTTP 40 s at most, of mail some seconds, and what takes longer there has its id."""
_RECOVER_EVERY_S: Final = 10.0
_STEP_S: Final = 10.0
"""No attempt begins later in a step: the outbox is looked at again, since something graver may wait by then."""
GIVE_UP_MS: Final = 24 * 3_600_000
"""What was refused for a day is not wanted, or nobody has looked; later it is no news."""
MAX_UNCONFIRMED: Final = 3
"""Attempts without an answer, where nobody promises to act once."""
_FIRST_RETRY_S: Final = 2.0
_LONGEST_RETRY_S: Final = 300.0
_LONGEST_SILENCE_S: Final = 900.0
"""DingTalk is silent for ten minutes after too many messages; what it is sent meanwhile is lost time."""
_FARTHEST_DUE_MS: Final = round(_LONGEST_SILENCE_S * 1000)
"""No notice is put off for longer; what is due later was put off before the clock was set back."""

_log = logging.getLogger(__name__)


class ChannelDelivery:
    """Delivers what waits for one channel. One task calls `step`."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        outbox: NoticeOutbox,
        rules: NoticeRules,
        bucket: TokenBucket,
        now: Callable[[], int],
        dice: Callable[[], float] | None = None,
    ) -> None:
        """`now`: the wall clock, ms; pauses are by the clock of `bucket`. `dice`: as of `Backoff`."""
        self.name = name
        self._sender, self._outbox, self._rules, self._bucket, self._now = sender, outbox, rules, bucket, now
        self._dice: dict[str, Any] = {} if dice is None else {"dice": dice}
        self._backoff = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S, **self._dice)
        self._monotonic = bucket.monotonic
        self._silent_until = 0.0
        self._reserve = max(1, bucket.capacity // 4) if bucket.capacity > 1 else 0
        """Tokens that are kept for digests."""
        self._counted = False
        self._recover_at = 0.0

    async def step(self, over: asyncio.Event | None = None) -> int:
        """Send what may be sent now. Returns how many attempts were made. Raises DatabaseError.

        No attempt begins once `over` is set: other rules wait for the end of the step.
        """
        began = self._monotonic()
        if began >= self._recover_at:
            self._recover_at = began + _RECOVER_EVERY_S
            await self._in_thread(self._recover)
        if self._is_silent():
            return 0
        ready = await self._in_thread(self._ready)
        if not ready:
            return 0
        behind: list[Notice] = []
        attempts = 0
        digested = await self._in_thread(lambda: self._outbox.last_digests(self.name, DIGEST_EVERY_MS, self._now()))
        for notice in ready:
            is_digest = notice.new.kind is Kind.DIGEST
            calm = is_digest or notice.new.recipient not in digested or notice.new.severity == Severity.P1
            if not calm or self._bucket.tokens <= (0 if is_digest else self._reserve):
                behind.append(notice)
            elif self._is_silent() or self._monotonic() - began > _STEP_S or (over is not None and over.is_set()):
                break
            else:
                attempts += await self._attempt(notice)
        await self._in_thread(lambda: self._bundle(behind, digested))
        return attempts

    def _is_silent(self) -> bool:
        return self._monotonic() < self._silent_until

    def _recover(self) -> None:
        """Judge what was being sent when a process died. Count what left before this process began."""
        now = self._now()
        if not self._counted:
            self._bucket.take(self._outbox.attempts_since(self.name, now - 60_000))
            self._counted = True
        for notice in self._outbox.stuck(self.name, now - STUCK_MS, now + _FARTHEST_DUE_MS):
            _log.warning("notices: %s: the process ended while notice %d was being sent", self.name, notice.no)
            self._note(notice, Delivery(Outcome.UNCONFIRMED, "the process ended while it was being sent"))

    def _ready(self) -> list[Notice]:
        """What is due, digests first, then the gravest; without what a later change stands for."""
        by_recipient: dict[tuple[str, str], list[Notice]] = defaultdict(list)
        kept: list[Notice] = []
        for notice in self._outbox.waiting(self.name, BATCH):
            if notice.new.kind is Kind.DIGEST:
                kept.append(notice)
            else:
                by_recipient[notice.new.alert_id, notice.new.recipient].append(notice)
        withdrawn: list[int] = []
        for (alert_id, recipient), notices in by_recipient.items():
            notified = self._left(notices, partial(self._outbox.arrived, alert_id, self.name, recipient))
            kept += notified
            withdrawn += {notice.no for notice in notices} - {notice.no for notice in notified}
        if withdrawn:
            self._outbox.withdraw(withdrawn, self._now())
        now = self._now()
        due = (notice for notice in kept if not now < notice.due_at <= now + _FARTHEST_DUE_MS)
        return sorted(due, key=lambda notice: (notice.new.kind is not Kind.DIGEST, notice.new.severity, notice.no))

    @staticmethod
    def _left(notices: Sequence[Notice], arrived: Callable[[], bool]) -> list[Notice]:
        """What is left to tell a recipient, of all that waits about one alert. `arrived`: something about it did.

        A later change stands for those before it, if it mentions whomever they mention. What takes an alert back that
        nobody heard of takes all with it; an end that comes before its alert is dropped, since a load still lies there.
        """
        if any(notice.new.kind in {Kind.TAKEN_BACK, Kind.ENDED} for notice in notices) and not arrived():
            notices = [notice for notice in notices if notice.new.kind is not Kind.ENDED]
            if notices and max(notices, key=lambda notice: notice.no).new.kind is Kind.TAKEN_BACK:
                return []
        left: list[Notice] = []
        for event in dict.fromkeys(notice.new.event for notice in sorted(notices, key=lambda one: -one.no)):
            mentioned = {name for notice in left for name in notice.new.mentions}
            same = [notice for notice in notices if notice.new.event == event]
            if not left:
                left = same
            elif left[0].new.kind is not Kind.TAKEN_BACK:
                left += [notice for notice in same if not mentioned.issuperset(notice.new.mentions)]
        return left

    async def _attempt(self, notice: Notice) -> int:
        """Try once, to the end: if the process is to stop meanwhile, what has left has its answer within seconds."""
        attempt = asyncio.create_task(self._send(notice), name=f"notice {notice.no}")
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait([attempt])
            raise

    async def _send(self, notice: Notice) -> int:
        """Send between two transactions. Returns the number of attempts: 0 if another process has begun one."""
        if not await self._in_thread(lambda: self._outbox.begin(notice.no, self._now())):
            return 0
        self._bucket.take()
        try:
            delivery = await self._sender.send(self._message(notice))
        except Exception as exc:  # noqa: BLE001 - a bug of one sender stops no other channel
            _log.exception("notices: %s: the sender failed at notice %d", self.name, notice.no)
            delivery = Delivery(Outcome.UNCONFIRMED, f"the sender failed: {type(exc).__name__}")
        await self._in_thread(lambda: self._note(notice, delivery, self._silence_s(delivery)))
        return 1

    def _silence_s(self, delivery: Delivery) -> float:
        """How long the channel is left alone after an attempt, s. A service that takes connections and answers none
        would else take up to 40 s for each notice of its list.
        """
        if delivery.outcome in {Outcome.SENT, Outcome.REFUSED}:
            return 0.0
        pause_s = max(self._backoff.next_pause_s(), min(delivery.retry_after_s or 0.0, _LONGEST_SILENCE_S))
        self._silent_until = self._monotonic() + pause_s
        return pause_s

    def _note(self, notice: Notice, delivery: Delivery, silence_s: float = 0.0) -> None:
        """Keep what came of an attempt, after which the channel is silent for so long."""
        now, detail = self._now(), delivery.detail
        if delivery.outcome is Outcome.SENT:
            self._outbox.sent(notice.no, now)
            self._backoff.reset()
            return
        if notice.attempts == 0 or delivery.outcome is Outcome.UNCONFIRMED:
            _log.warning("notices: %s: notice %d %s: %s", self.name, notice.no, delivery.outcome, detail)
        is_unconfirmed = delivery.outcome is Outcome.UNCONFIRMED
        if is_unconfirmed and not self._may_repeat(notice):
            self._outbox.give_up(notice.no, State.UNCONFIRMED, now, detail)
        elif now - notice.planned_at > GIVE_UP_MS:
            may_have = is_unconfirmed or notice.unconfirmed > 0
            self._outbox.give_up(notice.no, State.UNCONFIRMED if may_have else State.FAILED, now, detail)
        else:
            due_at = now + round(silence_s * 1000)
            if is_unconfirmed or not silence_s:  # it may be this notice only: let others pass it after the silence
                due_at += self._pause_ms(notice)
            self._outbox.again(notice.no, due_at, detail, unconfirmed=is_unconfirmed)

    def _pause_ms(self, notice: Notice) -> int:
        backoff = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S, failures=notice.attempts, **self._dice)
        return round(min(backoff.next_pause_s(), MAX_RETRY_AFTER_S) * 1000)

    def _may_repeat(self, notice: Notice) -> bool:
        if self._sender.acts_once:
            return True
        channel = self._rules.channels[self.name]
        wanted = getattr(channel, "unconfirmed", Unconfirmed.REPEAT)
        return wanted is Unconfirmed.REPEAT and notice.unconfirmed + 1 < MAX_UNCONFIRMED

    def _message(self, notice: Notice) -> Message:
        new = notice.new
        names = (new.recipient,) if new.recipient else new.mentions
        subject = new.subject
        if notice.unconfirmed and not self._sender.knows_repeats:
            subject = repeated(subject, notice.no, new.language)
        people = tuple(self._rules.people[name] for name in names if name in self._rules.people)
        return Message(notice.id, subject, new.body, people, new.payload, thread=new.alert_id)

    def _bundle(self, behind: Sequence[Notice], digested: dict[str, int]) -> None:
        """Put one digest in the place of all that wait for a recipient."""
        by_recipient: dict[tuple[str, str], list[Notice]] = defaultdict(list)
        for notice in behind:
            if notice.new.kind is not Kind.DIGEST and notice.new.recipient not in digested:
                by_recipient[notice.new.recipient, notice.new.language].append(notice)
        for members in by_recipient.values():
            if len(members) > 1:
                digest = self._digest(members)
                self._outbox.bundle([notice.no for notice in members], digest, self._now())

    def _digest(self, members: Sequence[Notice]) -> NewNotice:
        first, news = members[0].new, [notice.new for notice in members]
        lines = [DigestLine(new.severity, new.rule, new.subject) for new in news]
        texts = write_digest(lines, first.language, self._rules.console)
        alerts = list(dict.fromkeys(new.alert_id for new in news))
        numbers = [notice.no for notice in members]
        is_program = any(new.payload is not None for new in news)
        return NewNotice(
            alert_id="",
            event=f"digest {min(numbers)}-{max(numbers)}",
            channel=self.name,
            recipient=first.recipient,
            mentions=tuple(sorted({name for new in news for name in new.mentions})),
            kind=Kind.DIGEST,
            rule="",
            severity=min(new.severity for new in news),
            language=first.language,
            subject=texts.subject,
            body=texts.body,
            payload={"type": "digest", "alerts": alerts} if is_program else None,
        )

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        """The database is asked in a thread."""
        return await asyncio.to_thread(work)
