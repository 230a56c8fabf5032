"""Turns at looking at files, waited for by coroutines: a thread that waits is missing to every other request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from rules.attachments.store import AT_ONCE

OF_THE_PUBLIC: Final = 1
"""Of these, files of people who are not signed in: the rest stays for those who are."""


class Turns:
    """As many as the store looks at at once; in the order in which they were asked for."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._public = asyncio.Semaphore(OF_THE_PUBLIC)

    @asynccontextmanager
    async def of_staff(self) -> AsyncIterator[None]:
        async with self._all:
            yield

    @asynccontextmanager
    async def of_public(self) -> AsyncIterator[None]:
        """One at a time: so two photos of one report are counted one after the other, too."""
        async with self._public, self._all:
            yield
