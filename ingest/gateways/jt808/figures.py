"""What the gateway counts, and the words about it in the log."""

import logging
from collections import Counter
from enum import StrEnum
from typing import Final

_LOG_EVERY_S: Final = 60.0

_log = logging.getLogger(__name__)


class Refused(StrEnum):
    """Why a connection or a frame was refused; labels of a metric."""

    CONNECTION_LIMIT = "connection_limit"
    NEVER_SIGNED_IN = "never_signed_in"
    """The time to sign in was over, or so were the registrations before it."""
    IDLE = "idle"
    NOT_READING = "not_reading"
    """The terminal takes no answers."""
    REPLACED = "replaced"
    """The same terminal signed in on a newer connection."""
    NOT_A_FRAME = "not_a_frame"
    NOT_SIGNED_IN = "not_signed_in"
    """A frame that may come only after the terminal showed its code."""
    WRONG_CODE = "wrong_code"
    REGISTRATION_CLOSED = "registration_closed"
    ANOTHER_PHONE = "another_phone"
    """A frame of another terminal than the one that signed in."""
    OF_THE_PLATFORM = "of_the_platform"
    """A message that only a platform sends."""
    UNREADABLE = "unreadable"
    """The body of a message that the gateway itself has to read."""
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    """The unfinished messages of all terminals fill their bound."""
    MISSING_PARTS = "missing_parts"
    """A message was dropped: its other parts never came. Nothing of it was answered."""
    SCATTERED_PARTS = "scattered_parts"
    """Likewise, and parts of the same id and total had other serials: those of another message, or of a terminal whose
    serials do not follow each other."""


class Counts:
    """Counts since the start of the gateway."""

    def __init__(self) -> None:
        self.received = self.published = self.not_published = 0
        """Frames; messages that the broker took; messages that it did not."""
        self.refused: Counter[str] = Counter()
        self._log_at: dict[Refused, float] = {}

    def refuse(self, reason: Refused, who: str, now: float) -> None:
        """Count a refusal, and log the first of each reason in a minute. `who`: phone number or address.

        `now`: seconds of a monotonic clock.
        """
        self.refused[reason] += 1
        if now >= self._log_at.get(reason, now):
            self._log_at[reason] = now + _LOG_EVERY_S
            _log.warning(
                "jt808: refused %s: %s, %d since the start: see docs/dialects/jt808.md",
                who,
                reason.replace("_", " "),
                self.refused[reason],
            )
