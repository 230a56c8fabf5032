"""What a what-if found, bounded, as the console shows it and as its process sends it."""

from collections import Counter
from typing import Final

from pydantic import BaseModel, ConfigDict

from ingest.judge.what_if import Comparison, Effect, Outcome, WhatIf
from rules.alerts.model import Severity, Text

MAX_LISTED: Final = 500
"""Alerts that are listed, of each rule and effect an equal share where there are more; all are counted."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class WhatIfOutcome(_Value):
    """An alert by one of the two rule sets."""

    alert_id: str
    title: Text
    severity: Severity
    opened_at: int
    """Device time, ms."""
    told_at: int
    closed_at: int | None
    retracted: bool


class WhatIfDifference(_Value):
    """An alert that differs."""

    effect: Effect
    rule: str
    subject: str
    differs: tuple[str, ...]
    before: WhatIfOutcome | None
    """By the rules that held."""
    after: WhatIfOutcome | None
    """By the others."""


class RuleEffects(_Value):
    """Alerts of one rule that differ."""

    rule: str
    gained: int = 0
    lost: int = 0
    changed: int = 0


class WhatIfReport(_Value):
    """What another rule set would have done."""

    messages: int
    """Judged within the time."""
    alerts_before: int
    alerts_after: int
    by_rule: tuple[RuleEffects, ...]
    """Rules with a difference, by name."""
    differ: tuple[WhatIfDifference, ...]
    """At most 500, by rule, subject and time."""


def report_of(comparing: WhatIf) -> WhatIfReport:
    before, after = comparing.alerts()
    found = comparing.comparisons()
    counts = Counter((one.either.rule, one.effect) for one in found)
    rules = sorted({rule for rule, _ in counts})
    return WhatIfReport(
        messages=comparing.messages,
        alerts_before=before,
        alerts_after=after,
        by_rule=tuple(RuleEffects(rule=rule, **{str(e): counts[rule, e] for e in Effect}) for rule in rules),
        differ=tuple(map(_difference, _listed(found, len(counts)))),
    )


def _listed(found: list[Comparison], groups: int) -> list[Comparison]:
    if len(found) <= MAX_LISTED:
        return found
    share, taken = max(1, MAX_LISTED // groups), Counter[tuple[str, Effect]]()
    listed = []
    for one in found:
        group = (one.either.rule, one.effect)
        if taken[group] < share:
            taken[group] += 1
            listed.append(one)
    return listed[:MAX_LISTED]


def _difference(one: Comparison) -> WhatIfDifference:
    return WhatIfDifference(
        effect=one.effect,
        rule=one.either.rule,
        subject=one.either.subject,
        differs=one.differs,
        before=_outcome(one.before),
        after=_outcome(one.after),
    )


def _outcome(outcome: Outcome | None) -> WhatIfOutcome | None:
    if outcome is None:
        return None
    return WhatIfOutcome(**{name: getattr(outcome, name) for name in WhatIfOutcome.model_fields})
