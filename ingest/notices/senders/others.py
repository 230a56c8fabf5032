"""All other services, by Apprise (github.com/caronc/apprise), an optional part: `pip install haulwatch[apprise]`.

Apprise says only whether all went well. It says so too where WeCom, DingTalk or Feishu answer HTTP 200 with an error
code (seen with 2.2), so those are refused here: they have senders of their own.
"""

import asyncio
import logging
from typing import Any, Final

from pydantic import SecretStr

from ingest.notices.senders.port import Delivery, Message, Outcome

OWN: Final = {"wecombot": "wecom", "dingtalk": "dingtalk", "feishu": "feishu", "lark": "feishu"}
"""Schemes of Apprise that have senders of their own."""
TOTAL_S: Final = 60.0
"""For all of it; most plugins give up after 8."""


class AppriseUnusable(Exception):
    """Apprise is not installed, or does not know the address."""


class AppriseSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = False, False

    def __init__(self, url: SecretStr) -> None:
        """Raises AppriseUnusable."""
        try:
            import apprise  # noqa: PLC0415 - an optional part
        except ImportError as exc:
            raise AppriseUnusable("Apprise is not installed: `pip install haulwatch[apprise]`") from exc
        scheme = url.get_secret_value().partition("://")[0].lower()
        if scheme in OWN:
            raise AppriseUnusable(f"write `kind: {OWN[scheme]}`: by Apprise a refusal would pass for a success")
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings hold addresses, which hold secrets
        self._service: Any = apprise.Apprise()
        if not self._service.add(url.get_secret_value()):
            raise AppriseUnusable("Apprise does not know this address: its wiki lists them")

    async def send(self, message: Message) -> Delivery:
        try:
            async with asyncio.timeout(TOTAL_S):
                done = await asyncio.to_thread(
                    self._service.notify,
                    body=message.body,
                    title=message.subject,
                    body_format="text",  # without it, a service whose format is HTML or Markdown gets text as markup
                )
        except Exception as exc:  # noqa: BLE001 - one of a hundred plugins
            return Delivery(Outcome.UNCONFIRMED, f"Apprise failed: {type(exc).__name__}")
        return Delivery(Outcome.SENT if done else Outcome.REFUSED, "" if done else "Apprise: not delivered")
