"""A test message: shows whether a channel works, with the service's own answer. The outbox does not know of it."""

from collections.abc import Callable
from uuid import uuid4

from ingest.notices.model import NoticeRules
from ingest.notices.secrets import Secrets
from ingest.notices.senders.port import Delivery, Message, Outcome
from ingest.notices.senders.registry import ChannelUnusable, sender_of
from ingest.notices.wording import write_test


async def send_test(
    rules: NoticeRules, channel: str, person: str | None, by: str, secrets: Secrets, now: Callable[[], int]
) -> Delivery:
    """Send a message that `by` is testing. Channel and person are those of the rules; `now`: the wall clock, ms.

    It takes no token of the channel's bucket: who tests often uses up what the service allows.
    """
    texts = write_test(rules.language_of(channel, person), by)
    people = () if person is None else (rules.people[person],)
    try:
        sender = sender_of(rules.channels[channel], secrets, now)
    except ChannelUnusable as exc:
        return Delivery(Outcome.NOT_SENT, str(exc))
    return await sender.send(Message(uuid4().hex, texts.subject, texts.body, people, {"type": "test"}))


def people_with_mail(rules: NoticeRules) -> list[str]:
    """Whom a channel of mail can write to."""
    return [name for name, contact in rules.people.items() if contact.mail is not None]
