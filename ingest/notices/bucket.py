"""A token bucket: how many messages a channel may send now."""

import time
from collections.abc import Callable
from typing import Final

_MINUTE_S: Final = 60.0
_BURST_SHARE: Final = 0.5


class TokenBucket:
    """Holds half of what a minute allows, and fills by the other half a minute.

    So in any minute, also one that begins with a full bucket, no more leave than the service counts; a bucket of the
    whole limit would let nearly twice as many pass. Likewise in any second, where that is limited too.
    """

    def __init__(
        self, per_minute: int, per_second: int | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.capacity = max(1, int(per_minute * _BURST_SHARE))
        self._per_s = (per_minute - self.capacity) / _MINUTE_S
        if per_second is not None:
            self.capacity = min(self.capacity, max(1, int(per_second * _BURST_SHARE) + 1))
            self._per_s = min((per_minute - self.capacity) / _MINUTE_S, float(per_second - self.capacity))
        self.monotonic = monotonic
        self._tokens, self._at = float(self.capacity), monotonic()

    @property
    def tokens(self) -> int:
        """Messages that may leave now."""
        self._fill()
        return int(self._tokens + 1e-9)  # ten tenths of a token are one

    def take(self, count: int = 1) -> None:
        """Count messages that leave, or left within the last minute before this process began."""
        self._fill()
        self._tokens = max(0.0, self._tokens - count)

    def _fill(self) -> None:
        now = self.monotonic()
        self._tokens = min(float(self.capacity), self._tokens + (now - self._at) * self._per_s)
        self._at = now
