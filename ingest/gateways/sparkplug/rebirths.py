"""How often edge nodes are asked for a rebirth: a birth may hold thousands of metrics. Pure: time is an argument."""

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_MS: Final = 10_000
"""Before one node is asked again; it doubles each time."""
LONGEST_PAUSE_MS: Final = 600_000
CALM_MS: Final = 3_600_000
"""A node that needed no rebirth for so long begins with the first pause again."""
PER_SECOND: Final = 5.0
AT_ONCE: Final = 20
"""All nodes together, so that a host that comes back does not flood a broker with births."""


@dataclass(slots=True)
class NodeAsked:
    """How often one node was asked."""

    asked_at: int = 0
    pause_ms: int = 0


class RebirthLimit:
    """Allows requests, for one node and for all."""

    def __init__(self) -> None:
        self._tokens = float(AT_ONCE)
        self._at = 0

    def allows(self, node: NodeAsked, now_ms: int) -> bool:
        """True if the node may be asked now, which then counts."""
        if node.asked_at and 0 <= now_ms - node.asked_at < node.pause_ms:
            return False
        self._tokens = min(AT_ONCE, self._tokens + max(now_ms - self._at, 0) / 1000 * PER_SECOND)
        self._at = now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        is_calm = not node.asked_at or now_ms - node.asked_at >= CALM_MS
        node.pause_ms = FIRST_PAUSE_MS if is_calm else min(2 * node.pause_ms, LONGEST_PAUSE_MS)
        node.asked_at = now_ms
        return True
