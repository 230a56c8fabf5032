r"""Feishu 飞书 (and Lark): messages to a group, by a custom bot with signature check (签名校验).

Facts, from Feishu's documentation of custom bots (open.feishu.cn, document/client-docs/bot-v3/add-custom-bot):

- POST to `/open-apis/bot/v2/hook/…`; `timestamp` and `sign` stand in the body. The timestamp is in seconds and at most
  an hour off; the signature is HMAC-SHA256 of nothing with `timestamp\nsecret` as its key, in base64.
- At most 100 messages a minute and 5 a second for each bot (11232 beyond it); a request has at most 20 KB.
- Somebody is mentioned in a text by `<at user_id="ou_…">name</at>`. So text of others must not hold a `<`.
- Refusals are HTTP 200 with `code`: 11232 (too many), 19021 (a wrong signature, or a time too far off), 19022 (an
  address that is not allowed), 19024 (none of the key words), 19001 (no such bot), 9499 (an invalid message, or too
  many: the text says which).
- There is no id by which a repeat is known.
"""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Final

from pydantic import SecretStr

from ingest.notices.senders.port import Delivery, Message, cut, masked
from ingest.notices.senders.posting import Answer, judge_code, post

MAX_BYTES: Final = 16_000
"""Below 20 KB with all that JSON adds."""
_THROTTLED: Final = {11232: 10.0}


class FeishuSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = False, False

    def __init__(self, server: str, hook: SecretStr, sign: SecretStr, now: Callable[[], int]) -> None:
        """`now`: the wall clock, ms."""
        self._server, self._hook, self._sign, self._now = server, hook, sign, now

    async def send(self, message: Message) -> Delivery:
        text = cut(_unmarked(f"{message.subject}\n{message.body}"), MAX_BYTES)
        mentions = "".join(
            f'<at user_id="{person.feishu}">{_unmarked(person.name)}</at>' for person in message.people if person.feishu
        )
        timestamp = str(self._now() // 1000)
        content = {
            "timestamp": timestamp,
            "sign": signature(timestamp, self._sign),
            "msg_type": "text",
            "content": {"text": f"{text}\n{mentions}" if mentions else text},
        }
        url = f"{self._server}/open-apis/bot/v2/hook/{self._hook.get_secret_value()}"
        answer = await post(url, json.dumps(content, ensure_ascii=False).encode(), {})
        found = judge_code(answer, "code", "msg", _THROTTLED) if isinstance(answer, Answer) else answer
        return masked(found, self._hook, self._sign)


def signature(timestamp: str, secret: SecretStr) -> str:
    """`timestamp`: seconds."""
    key = f"{timestamp}\n{secret.get_secret_value()}"
    return base64.b64encode(hmac.digest(key.encode(), b"", "sha256")).decode()


def _unmarked(text: str) -> str:
    return text.replace("<", "‹")
