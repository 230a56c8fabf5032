"""Answers that many desks ask for at the same time: made once for all who may see the same, and kept for a moment."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

MAX_KEPT: Final = 16
"""A layer of 5,000 trucks takes 3 MB, and 0.3 MB compressed."""


class SharedAnswers(Generic[T]):
    """The last answers by what was asked and by what the caller may see.

    `keep_s`: how long an answer serves others; with 0 each caller gets a new one.
    """

    def __init__(self, keep_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._making: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer that was made for this key a moment ago, or a new one. Who asks meanwhile waits for it; what
        `make` raises reaches its own caller only.
        """
        if self._keep_s <= 0:
            return await make()
        async with self._making.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept[0]:
                return kept[1]
            answer = await make()
            self._kept.pop(key, None)
            self._kept[key] = (self._clock() + self._keep_s, answer)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return answer
