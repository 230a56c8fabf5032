"""How often one address may do something; in memory, and no address is kept longer than its period."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

_ADDRESSES: Final = 20_000
"""Those that came last are remembered, a few MB at most. What all send together is bounded elsewhere."""


class AddressLimit:
    """At most `times` for each address within `period_ms`, by a clock in ms. Used by one event loop."""

    def __init__(self, times: int, period_ms: int, clock: Callable[[], int]) -> None:
        self._times, self._period_ms, self._clock = times, period_ms, clock
        self._seen: OrderedDict[str, deque[int]] = OrderedDict()

    def take(self, address: str) -> bool:
        """Count one more, and return whether it was still free."""
        now = self._clock()
        self._forget(now)
        seen = self._seen.setdefault(address, deque(maxlen=self._times))
        while seen and not now - self._period_ms < seen[0] <= now:
            seen.popleft()
        if len(seen) >= self._times:
            return False
        seen.append(now)
        self._seen.move_to_end(address)
        while len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        return True

    def give_back(self, address: str) -> None:
        """Count one less: it came to nothing."""
        if seen := self._seen.get(address):
            seen.pop()

    def _forget(self, now: int) -> None:
        while self._seen:
            seen = next(iter(self._seen.values()))
            if seen and now - self._period_ms < seen[-1] <= now:
                return
            self._seen.popitem(last=False)
