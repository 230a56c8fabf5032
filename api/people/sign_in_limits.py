"""Bounds of signing in: how many passwords are checked at once, and how many failures one address may have."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.http.problems import ProblemKind, RequestRefused

WORKING: Final = 2
"""Passwords checked at once: each takes a core for some 60 ms and 64 MiB."""
WAITING: Final = 32
"""Requests that may wait for that, some two seconds."""
FAILURES: Final = 20
"""Of one address in PERIOD_S. Behind a reverse proxy that does not name its clients all share one address."""
PERIOD_S: Final = 60.0
_ADDRESSES: Final = 10_000
"""Those that failed last are remembered, a few MB at most."""


class SignInLimits:
    """The attempts to sign in of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._working = asyncio.Semaphore(WORKING)
        self._waiting = 0
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    @asynccontextmanager
    async def attempt(self, address: str) -> AsyncIterator[None]:
        """Hold a place for one attempt. It counts as failed if the block raises. Raises RequestRefused (429)."""
        if self._waiting >= WAITING:
            raise _refused("Too many people sign in at once.", 2)
        self._check(address)
        began = self._clock()
        self._failures.setdefault(address, deque(maxlen=FAILURES)).append(began)  # counted now: attempts at once count
        self._failures.move_to_end(address)
        while len(self._failures) > _ADDRESSES:
            self._failures.popitem(last=False)
        self._waiting += 1
        try:
            async with self._working:
                yield
        finally:
            self._waiting -= 1
        self._forget(address, began)

    def _check(self, address: str) -> None:
        failed = self._failures.get(address) or deque()
        left_s = failed[0] + PERIOD_S - self._clock() if len(failed) == FAILURES else 0.0
        if left_s > 0:
            raise _refused("Too many failures from this address.", max(1, round(left_s)))

    def _forget(self, address: str, began: float) -> None:
        failed = self._failures.get(address)
        if failed is not None and began in failed:
            failed.remove(began)


def _refused(why: str, retry_after_s: int) -> RequestRefused:
    detail = f"{why} Try again in {retry_after_s} s."
    return RequestRefused(ProblemKind.LOCKED_OUT, detail, headers={"Retry-After": str(retry_after_s)})
