"""Households that deposit recyclables at smart points, with cards or codes, and the truth about what they brought.

Messages are sent late, twice and in batches, as points do that lost their connection.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from devices.codecs.topics import deposit_topic

KG_OF: Final = {
    "paper": (0.3, 8.0),
    "plastic": (0.05, 1.5),
    "metal": (0.05, 2.0),
    "textile": (0.2, 6.0),
    "glass": (0.2, 3.0),
}
"""Of one deposit, by material: what a household brings in a week or two. Invented."""
_DAY_MS: Final = 86_400_000
_WITH_CARD: Final = 0.7
_WITH_CODE: Final = 0.2
"""The others deposit without either."""


@dataclass(frozen=True, slots=True)
class DepositMessage:
    """One message of a point."""

    at: int
    """When it is sent, ms since 1970 UTC."""
    topic: str
    payload: bytes


@dataclass
class DepositTruth:
    """What was deposited, grams."""

    deposits: int = 0
    grams: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By point and material."""
    of_card: Counter[str] = field(default_factory=Counter)
    of_code: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Sending:
    """How points send."""

    late: float = 0.0
    """Share of messages that come up to six hours late."""
    twice: float = 0.0
    """Share of messages that are sent again."""


class Depositors:
    """The households of some points for a day; equal seeds give equal days."""

    def __init__(self, points: Sequence[str], households: int, seed: int) -> None:
        self._points, self._rng = points, Random(seed)  # noqa: S311
        self._households = [
            (f"{self._rng.randrange(10**10):010}", f"H{number:05}", self._rng.choice(points))
            for number in range(households)
        ]
        """Card, code, and the point that they mostly go to."""
        self.truth = DepositTruth()

    def day(self, start_ms: int, deposits: int, sending: Sending = Sending()) -> list[DepositMessage]:
        """The messages of a day, in the order in which they are sent."""
        sent: list[DepositMessage] = []
        for point, report in self._made(start_ms, deposits):
            waits_ms = self._rng.randrange(6 * 3_600_000) if self._rng.random() < sending.late else 0
            payload = json.dumps(report, ensure_ascii=False).encode()
            message = DepositMessage(report["ts"] + 1_000 + waits_ms, deposit_topic(point), payload)
            sent.append(message)
            if self._rng.random() < sending.twice:
                sent.append(DepositMessage(message.at + self._rng.randrange(60_000), message.topic, payload))
        return sorted(sent, key=lambda one: one.at)

    def _made(self, start_ms: int, deposits: int) -> Iterator[tuple[str, dict[str, Any]]]:
        rng = self._rng
        for number in range(deposits):
            card, code, usual = rng.choice(self._households)
            point = usual if rng.random() < 0.9 else rng.choice(self._points)
            material = rng.choice(list(KG_OF))
            grams = round(rng.uniform(*KG_OF[material]) * 1_000)
            report: dict[str, Any] = {
                "number": f"{start_ms // _DAY_MS}-{number:06}",
                "ts": start_ms + rng.randrange(_DAY_MS),
                "material": material,
                "weight_kg": grams / 1_000,
            }
            chance = rng.random()
            if chance < _WITH_CARD:
                report["card"] = card
                self.truth.of_card[card] += grams
            elif chance < _WITH_CARD + _WITH_CODE:
                report["code"] = code
                self.truth.of_code[code] += grams
            self.truth.deposits += 1
            self.truth.grams[point, material] += grams
            yield point, report
