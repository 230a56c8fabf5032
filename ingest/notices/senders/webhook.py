"""Webhooks: JSON to a program of the city, signed as Standard Webhooks (standardwebhooks.com) has it.

    webhook-id: 7f3c…               the same at each attempt: by it the program knows a repeat
    webhook-timestamp: 1790000000   seconds; a program refuses what is more than five minutes off
    webhook-signature: v1,…         base64 of HMAC-SHA256 over `id.timestamp.body`

The secret is the key as it stands, or base64 after `whsec_`. Any answer of 200 to 299 says that the program has it.
"""

import base64
import binascii
import hmac
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import SecretStr

from ingest.notices.senders.port import Delivery, Message, Outcome
from ingest.notices.senders.posting import Answer, judge_status, post

_ENCODED: Final = "whsec_"


class WebhookSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = True, True

    def __init__(
        self, url: str, sign: SecretStr, now: Callable[[], int], trusted: ssl.SSLContext | None = None
    ) -> None:
        """`now`: the wall clock, ms."""
        self._url, self._sign, self._now, self._trusted = url, sign, now, trusted

    async def send(self, message: Message) -> Delivery:
        payload: Mapping[str, Any] = {
            "id": message.id,
            "subject": message.subject,
            "text": message.body,
            "people": [person.name for person in message.people],
            **(message.payload or {}),
        }
        content = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = str(self._now() // 1000)
        headers = {
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature(message.id, timestamp, content, self._sign)}",
        }
        answer = await post(self._url, content, headers, trusted=self._trusted)
        if not isinstance(answer, Answer):
            return answer
        return judge_status(answer) or Delivery(Outcome.SENT, f"HTTP {answer.status}")


def signature(message_id: str, timestamp: str, content: bytes, secret: SecretStr) -> str:
    """`timestamp`: seconds."""
    signed = f"{message_id}.{timestamp}.".encode() + content
    return base64.b64encode(hmac.digest(_key(secret.get_secret_value()), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except binascii.Error:
            pass  # a secret that happens to begin so
    return secret.encode()
