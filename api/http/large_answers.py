"""Bounds of the requests with large answers: how many work at once, and how many are in memory at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemKind, RequestRefused

WORKING: Final = 2
"""They read the store and make the answer: some 20 MB for a map layer of 50,000 fixes. More are no faster."""
HELD: Final = 48
"""Requests that wait, work or send: an answer of 3 MB stays in memory until its client has taken it."""
RETRY_AFTER_S: Final = 2
_LONG_BYTES: Final = 16_384


class LargeAnswers:
    """The requests with large answers of one process."""

    def __init__(self, *, working: int = WORKING, held: int = HELD) -> None:
        self.max_held = held
        self.held = 0
        self.working = asyncio.Semaphore(working)


async def _held(request: Request) -> AsyncIterator[None]:
    """Hold a place until the client has taken the answer. Raises RequestRefused if there is none."""
    async for _ in _place(request.app.state.large_answers):
        yield


async def _pack_held(request: Request) -> AsyncIterator[None]:
    async for _ in _place(request.app.state.packs):
        yield


async def _place(answers: LargeAnswers) -> AsyncIterator[None]:
    if answers.held >= answers.max_held:
        raise RequestRefused(
            ProblemKind.TOO_BUSY,
            f"This server answers {answers.max_held} requests of this kind at a time. Try again in {RETRY_AFTER_S} s, "
            "with fewer requests at once.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    answers.held += 1
    try:
        yield
    finally:
        answers.held -= 1


async def _working(request: Request) -> AsyncIterator[None]:
    """Wait until few enough are at work, until this answer is made."""
    answers: LargeAnswers = request.app.state.large_answers
    async with answers.working:
        yield


async def _pack_working(request: Request) -> AsyncIterator[None]:
    packs: LargeAnswers = request.app.state.packs
    async with packs.working:
        yield


class UntilTaken:
    """Middleware that ends a long answer when its client has taken it, and not when it is handed to the server.

    uvicorn waits for an unread part before it sends the next one, never after the last.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_two(message: Message) -> None:
            if len(message.get("body", b"")) > _LONG_BYTES and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            else:
                await send(message)

        await self._app(scope, receive, in_two if scope["type"] == "http" else send)


LARGE: Final = [Depends(_held), Depends(_working, scope="function")]
"""Dependencies of a route whose answer is large or takes long to find."""
PACKS: Final = [Depends(_pack_held), Depends(_pack_working, scope="function")]
"""Likewise of evidence packs, which take up to some minutes to make: they hold up each other and nothing else."""
PACKS_AT_ONCE: Final = 2
"""Each is a process that takes a core, at a low priority."""
MAX_PACKS: Final = 8
"""That wait, are made or are sent."""
