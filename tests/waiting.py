"""Waits of tests. Their limit only bounds a failure: a test that passes never reaches it, however slow the machine."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NoReturn

import pytest

PATIENCE_S: Final = 120.0
"""How long a test waits for what must happen. Below the time limit of a test (`timeout` in pyproject.toml), so that the
wait says what did not happen."""
_Text = str | Callable[[], str]
_IT_HAPPENS: Final = "the condition holds"


def until(condition: Callable[[], object], what: _Text = _IT_HAPPENS, *, every_s: float = 0.01) -> None:
    """Return when `condition` is true; fail with `what`, a text or what makes it then, if it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            _give_up(what)
        time.sleep(every_s)


async def eventually(condition: Callable[[], object], what: _Text = _IT_HAPPENS) -> None:
    """As `until`, and the event loop goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            _give_up(what)
        await asyncio.sleep(0.01)


def _give_up(what: _Text) -> NoReturn:
    pytest.fail(f"not within {PATIENCE_S:.0f} s: {what if isinstance(what, str) else what()}")
