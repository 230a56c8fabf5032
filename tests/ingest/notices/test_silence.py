"""Channels that do not answer, and clocks that somebody sets: nobody waits for either."""

import asyncio
from collections.abc import Callable

import pytest

from ingest.notices.senders.port import Delivery, Message, Outcome
from rules.alerts.model import Severity
from tests.ingest.notices.conftest import MakeNight
from tests.ingest.notices.night import MINUTE, Clock, Night
from tests.ingest.notices.rota import AT_ONCE, STEPS, mentioned, one_channel, texts
from tests.ingest.notices.services import WeCom

HOUR = 60 * MINUTE


class Scripted:
    """Implements `Sender`."""

    knows_repeats, acts_once = False, True

    def __init__(self, answer: Callable[[Message], Outcome]) -> None:
        self.answer, self.subjects = answer, list[str]()

    async def send(self, message: Message) -> Delivery:
        self.subjects.append(message.subject)
        return Delivery(self.answer(message))


def by(sender: Scripted, night: Night) -> None:
    night.deliveries["group"]._sender = sender


async def test_a_service_that_answers_nothing_is_left_alone_for_a_while(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    sender = Scripted(lambda _: Outcome.UNCONFIRMED)
    by(sender, night)
    for name in "abcd":
        night.alert(name)
    await night.pass_on()
    await night.pass_on()
    assert len(sender.subjects) == 1, "each of them may take 40 s"
    await night.pass_minutes(10)
    assert len(set(sender.subjects)) == 4, "others have their turn"


async def test_one_notice_that_is_never_answered_holds_up_no_other(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    sender = Scripted(lambda message: Outcome.UNCONFIRMED if message.subject.endswith("a") else Outcome.SENT)
    by(sender, night)
    for name in "abcd":
        night.alert(name, severity=Severity.P1 if name == "a" else Severity.P2)
    await night.pass_minutes(1)
    assert night.summary("group").sent == 3


@pytest.mark.parametrize("ends_by", ["other rules", "time"])
async def test_a_step_ends_before_its_list(ends_by: str, wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    night, over = make_night(one_channel(wecom, AT_ONCE)), asyncio.Event()

    def slowly(_: Message) -> Outcome:
        if ends_by == "time":
            clock.now += 11_000
        else:
            over.set()
        return Outcome.SENT

    sender = Scripted(slowly)
    by(sender, night)
    for name in "abc":
        night.alert(name)
    while await night.publisher.step():
        pass
    assert await night.deliveries["group"].step(over) == 1
    over.clear()
    await night.deliveries["group"].step(over)
    assert len(sender.subjects) == 2


async def test_a_clock_that_is_set_back_puts_nothing_off(wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    """The machine starts 8 h ahead, until the network corrects its clock."""
    night = make_night(one_channel(wecom, AT_ONCE))
    clock.set(8 * HOUR)
    wecom.script = [(503, {})]
    night.alert("a")
    await night.pass_on()
    clock.set(-8 * HOUR)
    night.alert("b")
    await night.pass_minutes(1)
    assert sorted(text.splitlines()[0] for text in texts(wecom)) == ["【P1】倾倒 a", "【P1】倾倒 b"]


async def test_digests_of_a_clock_that_was_ahead_hold_up_nobody(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    clock.set(8 * HOUR)
    for no in range(30):
        night.alert(f"{no}", severity=Severity.P2)
    await night.pass_minutes(5)
    assert any("汇总" in text for text in texts(wecom))
    clock.set(-8 * HOUR)
    wecom._times.clear()
    night.alert("a", severity=Severity.P2)
    await night.pass_minutes(1)
    assert texts(wecom)[-1].splitlines()[0] == "【P2】倾倒 a"


async def test_steps_of_a_clock_that_was_ahead_are_taken_after_their_minutes(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, STEPS))
    clock.set(8 * HOUR)
    night.alert("a", at=clock.now - 8 * HOUR, opened_at=clock.now - 8 * HOUR)
    await night.pass_on()
    clock.set(-8 * HOUR)
    await night.pass_minutes(8)
    assert mentioned(wecom) == ["li"]
    await night.pass_minutes(4)
    assert mentioned(wecom) == ["li", "boss"]
