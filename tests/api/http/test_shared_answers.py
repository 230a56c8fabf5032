"""Answers that are made once for many: who shares one, for how long, and what a failure does."""

import asyncio

import pytest

from api.http.shared_answers import MAX_KEPT, SharedAnswers
from tests.waiting import eventually


class Maker:
    """Makes answers, when it is let."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> int:
        self.made += 1
        number = self.made
        await self.may_end.wait()
        if self.fails:
            raise OSError("the store is away")
        return number


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


async def test_who_asks_while_an_answer_is_made_waits_for_it_and_others_get_it_for_a_while() -> None:
    clock, make = Clock(), Maker()
    shared = SharedAnswers[int](2.0, clock=clock)
    make.may_end.clear()
    waiting = [asyncio.create_task(shared.get("all", make)) for _ in range(5)]
    other = asyncio.create_task(shared.get("zezhou", make))
    await eventually(lambda: make.made == 2)
    make.may_end.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert await other == 2, "what one person sees is never another's"
    clock.now += 1.9
    assert await shared.get("all", make) == 1
    clock.now += 0.2
    assert await shared.get("all", make) == 3


async def test_a_failure_reaches_its_own_caller_and_the_next_one_tries_again() -> None:
    make = Maker()
    shared = SharedAnswers[int](2.0)
    make.fails = True
    with pytest.raises(OSError, match="away"):
        await shared.get("all", make)
    make.fails = False
    assert await shared.get("all", make) == 2


async def test_the_number_of_answers_is_bounded() -> None:
    make = Maker()
    shared = SharedAnswers[int](60.0, clock=Clock())
    for key in range(MAX_KEPT + 1):
        await shared.get(key, make)
    assert await shared.get(1, make) == 2
    assert await shared.get(0, make) == MAX_KEPT + 2


async def test_without_a_time_everybody_gets_a_new_one() -> None:
    make = Maker()
    shared = SharedAnswers[int](0.0)
    assert [await shared.get("all", make) for _ in range(3)] == [1, 2, 3]
