r"""DingTalk 钉钉: messages to a group, by a custom robot whose messages are signed (加签).

Facts, from DingTalk's documentation of custom robots (open.dingtalk.com, document/robots/custom-robot-access and
customize-robot-security-settings):

- POST to `/robot/send?access_token=…&timestamp=…&sign=…`. The timestamp is in ms and at most an hour off; the signature
  is HMAC-SHA256 of `timestamp\nsecret` with the secret as its key, in base64.
- At most 20 messages a minute for each robot; beyond it the robot is silent for ten minutes (130101).
- A message has at most 20,000 bytes (460101 beyond it). Somebody is mentioned by mobile number in `atMobiles`, and
  highlighted where the text has `@` and the number.
- Refusals are HTTP 200 with `errcode`: 410100 and 130101 (too many), 90030 (too many of the day), 310000 (a wrong
  signature, or another of the security settings: the text says which), 400101, 300001 and 300005 (no such token),
  400102 (the robot is switched off), 40035 and 43004 (an invalid message), -1 (busy).
- There is no id by which a repeat is known.
"""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from ingest.notices.senders.port import Delivery, Message, cut, masked
from ingest.notices.senders.posting import Answer, judge_code, post

MAX_BYTES: Final = 16_000
"""Below 20,000 with all that JSON adds."""
_THROTTLED: Final = {410100: 600.0, 130101: 600.0, 90030: 900.0, -1: 5.0}


class DingTalkSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = False, False

    def __init__(self, server: str, access_token: SecretStr, sign: SecretStr, now: Callable[[], int]) -> None:
        """`now`: the wall clock, ms."""
        self._server, self._token, self._sign, self._now = server, access_token, sign, now

    async def send(self, message: Message) -> Delivery:
        mobiles = [person.mobile for person in message.people if person.mobile]
        mentions = " ".join(f"@{mobile}" for mobile in mobiles)
        text = cut("\n".join(filter(None, (message.subject, message.body, mentions))), MAX_BYTES)
        content = {"msgtype": "text", "text": {"content": text}, "at": {"atMobiles": mobiles, "isAtAll": False}}
        timestamp = str(self._now())
        query = {
            "access_token": self._token.get_secret_value(),
            "timestamp": timestamp,
            "sign": signature(timestamp, self._sign),
        }
        url = f"{self._server}/robot/send?{urlencode(query)}"
        answer = await post(url, json.dumps(content, ensure_ascii=False).encode(), {})
        found = judge_code(answer, "errcode", "errmsg", _THROTTLED) if isinstance(answer, Answer) else answer
        return masked(found, self._token, self._sign)


def signature(timestamp: str, secret: SecretStr) -> str:
    """`timestamp`: ms."""
    key = secret.get_secret_value()
    return base64.b64encode(hmac.digest(key.encode(), f"{timestamp}\n{key}".encode(), "sha256")).decode()
