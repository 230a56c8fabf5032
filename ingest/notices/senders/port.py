"""What a sender is given, and what it answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from pydantic import SecretStr

from ingest.notices.model import Contact

MAX_DETAIL_CHARS: Final = 300


class Outcome(StrEnum):
    """How far a message got."""

    SENT = "sent"
    """The service has confirmed it."""
    REFUSED = "refused"
    """The service has answered that it does not take this message: it reached nobody."""
    THROTTLED = "throttled"
    """The service takes no message now: it reached nobody."""
    NOT_SENT = "not_sent"
    """The service was not reached: nobody has it."""
    UNCONFIRMED = "unconfirmed"
    """It was sent, and no answer came that says what became of it."""


class Delivery(NamedTuple):
    """An outcome, and what the service said about it, without secrets."""

    outcome: Outcome
    detail: str = ""
    retry_after_s: float | None = None
    """As long as the service asks to wait."""


class Message(NamedTuple):
    """A message that is ready to be sent."""

    id: str
    """The same at each attempt; where a service or a program knows ids, it takes a second one for the first."""
    subject: str
    """One line."""
    body: str
    """Plain text of a few lines."""
    people: tuple[Contact, ...] = ()
    """Who is mentioned, or the one who gets the mail."""
    payload: Mapping[str, Any] | None = None
    """For programs."""
    thread: str = ""
    """The same for all messages about one alert."""


class Sender(Protocol):
    """Sends to one service."""

    knows_repeats: bool
    """True if a second message with the same id is known as such on the other side, so that it need not say so."""
    acts_once: bool
    """True if the other side promises to act once on each id, so that it may be sent again without end."""

    async def send(self, message: Message) -> Delivery: ...


def cut(text: str, max_bytes: int) -> str:
    """The text, cut at a character so that it has at most so many bytes of UTF-8; `…` shows that it was cut."""
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return encoded[: max_bytes - len("…".encode())].decode(errors="ignore") + "…"


def masked(delivery: Delivery, *secrets: SecretStr) -> Delivery:
    """The delivery with secrets masked that a service repeats in its answer."""
    detail = delivery.detail
    for secret in secrets:
        detail = detail.replace(secret.get_secret_value(), "***")
    return delivery._replace(detail=detail)


def one_line(text: object) -> str:
    """A service's words, for logs and tables."""
    return " ".join(str(text).split())[:MAX_DETAIL_CHARS]
