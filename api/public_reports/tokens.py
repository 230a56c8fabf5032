"""The hidden field that says when a form was fetched: robots that send without fetching get nowhere, and a form that
is sent twice with the same content is known as one. Keys last as long as the process; a form that is older is sent once
more.
"""

import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from devices.readings.instants import HOUR_MS
from rules.public_reports.codes import code_from

MIN_MS: Final = 3_000
"""Nobody reads and fills in the form within three seconds."""
MAX_MS: Final = 12 * HOUR_MS
_FORM: Final = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that came from here and is neither too young nor too old."""

    id: str
    code: str
    """The secret code of the report that it becomes."""


class FormTokens:
    """Makes and checks them. `key`: 32 secret bytes."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def new(self, now: int) -> str:
        content = f"{now:x}.{secrets.token_hex(16)}"
        return f"{content}.{self._mac('form', content).hex()}"

    def is_ours(self, token: str, now: int) -> bool:
        """Whether the form that holds it may be shown again with it: it is not too old."""
        fetched_at = self._fetched_at(token)
        return fetched_at is not None and fetched_at <= now <= fetched_at + MAX_MS

    def sent(self, token: str, content: Sequence[str], now: int) -> SentForm | None:
        """The form that was sent; None: it is to be sent again. `content`: all that was filled in. With other content
        the same token is another form, since going back in the browser and writing about something else keeps it.
        """
        fetched_at = self._fetched_at(token)
        if fetched_at is None or not fetched_at + MIN_MS <= now <= fetched_at + MAX_MS:
            return None
        filled_in = json.dumps([token, *content])
        return SentForm(self._mac("id", filled_in).hex(), code_from(self._mac("code", filled_in)))

    def _fetched_at(self, token: str) -> int | None:
        """When it was fetched, ms; None: it was not made here."""
        match = _FORM.fullmatch(token)
        if match is None or not hmac.compare_digest(match[3], self._mac("form", f"{match[1]}.{match[2]}").hex()):
            return None
        return int(match[1], 16)

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{purpose} {text}".encode(), sha256)
