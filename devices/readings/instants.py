"""Instants as people and programs write them, for the web API and the command line."""

import re
from datetime import datetime

_MILLISECONDS = re.compile(r"[0-9]{1,15}")


def parse_instant(value: object) -> int:
    """Return milliseconds since 1970 UTC, from such a number or from RFC 3339.

    Raises ValueError with a hint.
    """
    text = str(value).strip()
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    if "T" in text:
        text = text.replace(" ", "+")  # a `+08:00` that was not percent-encoded
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise ValueError("give milliseconds since 1970 UTC or RFC 3339 with an offset, such as 2026-03-01T08:00:00Z")
