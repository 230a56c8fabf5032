"""The result of one check of `haulwatch doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check, and what to do about it."""

    name: str
    status: CheckStatus
    detail: str
    hint: str = ""
    """An instruction for the operator; empty where nothing is wrong."""
