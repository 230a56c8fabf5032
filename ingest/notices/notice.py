"""A notice as the outbox holds it, and the states that it passes.

waiting ──▶ sending ──▶ sent
   ▲           ├──▶ waiting        refused, throttled, not reached, or no answer: again, with a back-off
   │           ├──▶ unconfirmed    no answer, and it is not to be sent again
   │           └──▶ failed         refused for a day
   ├──▶ digested                   a digest stands for it
   └──▶ withdrawn                  a later change of the alert was sent in its place, or nothing is left to tell
inherited                          people were notified by another alert that is merged into this one; never sent
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from ingest.notices.channels import Language


class Kind(StrEnum):
    """Why somebody is notified."""

    CALL = "call"
    """An alert that is new to them."""
    CLIMB = "climb"
    """Nobody has acknowledged it."""
    FOLLOW = "follow"
    """A later change of what they were notified of."""
    TAKEN_BACK = "taken_back"
    """It was none, or is part of another alert: nothing to tell whoever was notified of nothing."""
    ENDED = "ended"
    """It is over, which says nothing to whoever was notified of nothing."""
    DIGEST = "digest"


class State(StrEnum):
    """How far a notice got."""

    WAITING = "waiting"
    SENDING = "sending"
    """Written before the attempt: a process that dies meanwhile leaves it, and what became of it is unknown."""
    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    DIGESTED = "digested"
    WITHDRAWN = "withdrawn"
    INHERITED = "inherited"


TOLD: Final = (State.WAITING, State.SENDING, State.SENT, State.UNCONFIRMED, State.DIGESTED, State.INHERITED)
"""Whoever has a notice of an alert in one of these states hears of its later changes."""
ARRIVED: Final = (State.SENT, State.UNCONFIRMED, State.DIGESTED, State.INHERITED)
"""It reached its recipient, or may have."""
GROUP: Final = ""
"""Recipient of a channel that reaches a group."""


class NewNotice(NamedTuple):
    """A notice before the outbox numbers it. (alert, event, channel, recipient, mentions) is its key."""

    alert_id: str
    event: str
    channel: str
    recipient: str
    """Name of a person, or GROUP."""
    mentions: tuple[str, ...]
    """Names of the people who are mentioned in a group, sorted."""
    kind: Kind
    rule: str
    """Of the alert."""
    severity: str
    language: Language
    subject: str
    body: str
    payload: Mapping[str, Any] | None = None


class Notice(NamedTuple):
    """A notice in the outbox; times are wall clock, ms."""

    no: int
    new: NewNotice
    state: State
    planned_at: int
    due_at: int
    attempts: int
    unconfirmed: int
    """Attempts after which no answer came."""

    @property
    def id(self) -> str:
        """The same at each attempt, and after a restore of the database: 32 hex digits of its key."""
        new = self.new
        key = "|".join((new.alert_id, new.event, new.channel, new.recipient, ",".join(new.mentions)))
        return blake2b(key.encode(), digest_size=16).hexdigest()


class Notified(NamedTuple):
    """Somebody who has a notice of an alert."""

    channel: str
    recipient: str
    mentions: tuple[str, ...]


class Climb(NamedTuple):
    """How far an alert has climbed the steps of a rule."""

    alert_id: str
    rule: str
    step: int
    """Number of the step that was taken last, from 0."""
    due_at: int | None
