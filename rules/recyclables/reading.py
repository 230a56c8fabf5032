"""Reads the messages of points: one JSON object, or an array of them. Pure.

What is wrong with a deposit is named without a word of it: it may hold the number of a card.
"""

import json
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from rules.recyclables.model import MAX_DEPOSITS, DepositsRefused, Refusal, ReportedDeposit

MAX_BYTES: Final = 262_144
_PADDING: Final = b"\x00 \t\r\n\v\f"

Read = ReportedDeposit | Refusal


def read_message(payload: bytes) -> list[Read]:
    """The deposits of a message, in its order, with a refusal in place of each bad one. Raises DepositsRefused."""
    if len(payload) > MAX_BYTES:
        raise DepositsRefused(f"the message has {len(payload)} bytes, at most {MAX_BYTES} are taken: split it")
    try:
        content = json.loads(payload.rstrip(_PADDING))
    except (ValueError, RecursionError):
        raise DepositsRefused("the message is not JSON") from None  # the cause holds the message
    return read_deposits(content if isinstance(content, list) else [content])


def read_deposits(elements: Sequence[object]) -> list[Read]:
    """As `read_message`, of what is parsed already."""
    if not elements:
        raise DepositsRefused("the message is empty")
    if len(elements) > MAX_DEPOSITS:
        raise DepositsRefused(f"the message has {len(elements)} deposits, at most {MAX_DEPOSITS} are taken: split it")
    return [_read(index, element) for index, element in enumerate(elements)]


def _read(index: int, element: object) -> Read:
    if not isinstance(element, dict):
        return Refusal(index=index, field="deposit", hint="write a JSON object")
    try:
        reported = ReportedDeposit.model_validate(element)
    except ValidationError as exc:
        fault = exc.errors(include_input=False, include_context=False, include_url=False)[0]
        return Refusal(index=index, field=str(fault["loc"][0]), hint=_HINTS[str(fault["loc"][0])])
    if reported.card is not None and reported.code is not None:
        return Refusal(index=index, field="code", hint="give a card or a code, not both")
    return reported


_HINTS: Final = {
    "number": "give the number of the deposit as text of 1 to 64 visible characters",
    "ts": "give the device time as whole milliseconds since 1970 UTC",
    "material": "give the material as text of 1 to 64 visible characters",
    "weight_kg": "give the weight as a number of kg above 0, up to 1,000",
    "card": "give the card as text of 1 to 128 characters, or leave it out",
    "code": "give the code as text of 1 to 128 characters, or leave it out",
}
"""By field. Texts of pydantic may quote the value."""
