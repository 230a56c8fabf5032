"""Refusals: the closed list of reasons why a reading is not accepted, shared by codecs, admission, stores and ledger.

Refusal            a reason, the field it concerns, and a sentence that says how to fix it
DecodeError        raised when nothing of a message can be read; carries a Refusal
refused            makes one
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MAX_PROBLEM_CHARS: Final = 450


class Reason(StrEnum):
    """Reason for which a reading is quarantined; the ledger counts by it."""

    FOREIGN_TOPIC = "foreign_topic"
    UNKNOWN_DIALECT = "unknown_dialect"
    TOO_LARGE = "too_large"
    BROKEN_JSON = "broken_json"
    NOT_A_READING = "not_a_reading"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_BOUNDS = "out_of_bounds"
    UNKNOWN_DEVICE = "unknown_device"
    FOREIGN_DEVICE = "foreign_device"
    ANOTHER_DIALECT = "another_dialect"
    KIND_OF_ANOTHER_ROLE = "kind_of_another_role"
    FUTURE_TIME = "future_time"
    CONFLICT = "conflict"
    REJECTED_BY_STORE = "rejected_by_store"
    FLOOD = "flood"
    TOO_MANY_COMPARTMENTS = "too_many_compartments"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that a person can act on."""

    reason: Reason
    detail: str
    """Names the field, the value found and the value expected."""
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class DecodeError(Exception):
    """Nothing of a message can be read. The message counts as one reading."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def refused(reason: Reason, field: str, problem: str) -> DecodeError:
    """The error whose text begins with the field, and which a person can read, whatever the message holds."""
    plain = "".join(char if char.isprintable() else "?" for char in problem[:_MAX_PROBLEM_CHARS])
    return DecodeError(Refusal(reason, f"{field}: {plain}", field=field))
