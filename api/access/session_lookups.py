"""Look-ups of sessions for the streams: all that ask at the same time are answered by one read of the database."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from devices.people.sessions import Session

Find = Callable[[Collection[str]], Mapping[str, Session]]
"""Sessions by secret, as they are now. Blocks; raises DatabaseError."""


class SessionLookups:
    """Nothing is kept: an answer is as new as that of a read of one's own, so a session that ended is over here too."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._waiting: dict[str, asyncio.Future[Session | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, secret: str) -> Session | None:
        """The session of this secret; None if there is none any more. Raises DatabaseError."""
        answer = self._waiting.get(secret)
        if answer is None:
            answer = self._waiting[secret] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="session look-ups")
        return await asyncio.shield(answer)  # others may wait for it

    async def _read(self) -> None:
        """Read until nobody waits. Who asks while a read is under way waits for the next one."""
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                try:
                    found = await asyncio.to_thread(self._find, list(asked))
                except Exception as exc:  # noqa: BLE001 - every waiting caller gets it
                    for answer in asked.values():
                        answer.set_exception(exc)
                        answer.exception()  # a caller that went away leaves nobody to look at it
                else:
                    for secret, answer in asked.items():
                        answer.set_result(found.get(secret))
        finally:
            self._reading = None
