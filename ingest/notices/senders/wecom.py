"""WeCom 企业微信: messages to a group, by a group robot.

Facts, from WeCom's documentation of group robots (developer.work.weixin.qq.com, document/path/91770 and 99110):

- POST to `/cgi-bin/webhook/send?key=…`; the key alone lets anybody write into the group.
- At most 20 messages a minute for each robot.
- Text has at most 2,048 bytes of UTF-8, markdown 4,096 (more is refused with 40058). Markdown is not shown outside
  WeCom's own clients, and mentions nobody by mobile number: so notices are text.
- `mentioned_list` has user ids, `mentioned_mobile_list` mobile numbers.
- Refusals are HTTP 200 with `errcode`: 45009 (too many), 45033 (too many at once), 93000 (no such robot), 40058
  (an invalid field), -1 (busy).
- There is no id by which a repeat is known.
"""

import json
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from ingest.notices.senders.port import Delivery, Message, cut, masked
from ingest.notices.senders.posting import Answer, judge_code, post

MAX_BYTES: Final = 2_048
_THROTTLED: Final = {45009: 60.0, 45033: 5.0, -1: 5.0}


class WeComSender:
    """Implements `Sender`."""

    knows_repeats, acts_once = False, False

    def __init__(self, server: str, key: SecretStr) -> None:
        self._server, self._key = server, key

    async def send(self, message: Message) -> Delivery:
        text = {"content": cut(f"{message.subject}\n{message.body}", MAX_BYTES)}
        by_id = [person.wecom for person in message.people if person.wecom]
        by_mobile = [person.mobile for person in message.people if person.mobile and not person.wecom]
        content = {"msgtype": "text", "text": {**text, "mentioned_list": by_id, "mentioned_mobile_list": by_mobile}}
        url = f"{self._server}/cgi-bin/webhook/send?{urlencode({'key': self._key.get_secret_value()})}"
        answer = await post(url, json.dumps(content, ensure_ascii=False).encode(), {})
        found = judge_code(answer, "errcode", "errmsg", _THROTTLED) if isinstance(answer, Answer) else answer
        return masked(found, self._key)
