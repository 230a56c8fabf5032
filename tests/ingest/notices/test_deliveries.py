"""How notices get there, or not: refusals, answers that are lost, limits, digests, a stop in the middle."""

import asyncio
import threading
from typing import Any

import pytest

from ingest.notices.notice import State
from ingest.notices.planning import Rulebook
from rules.alerts.model import AlertChange, Severity, Text
from tests.ingest.notices.conftest import MakeNight
from tests.ingest.notices.night import Clock, Night, alert_id, change
from tests.ingest.notices.rota import AT_ONCE, STEPS, Serve, mentioned, one_channel, texts
from tests.ingest.notices.services import LOST, DingTalk, Feishu, Program, Service, WeCom
from tests.waiting import PATIENCE_S


async def test_a_refused_message_is_tried_again_and_shown(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [(200, {"errcode": 93000, "errmsg": "invalid webhook url"})] * 4
    night.alert()
    await night.pass_on()
    found = night.summary("group")
    assert (found.waiting, found.retried, found.sent) == (1, 1, 0)
    assert found.last_error == "errcode 93000: invalid webhook url"
    await night.pass_minutes(10)
    assert len(wecom.requests) == 5
    assert len(wecom.taken) == 1
    found = night.summary("group")
    assert (found.waiting, found.sent, found.last_error) == (0, 1, "")


async def test_what_is_refused_for_a_day_is_given_up_and_shown(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [(200, {"errcode": 93000, "errmsg": "invalid webhook url"})] * 1_000
    night.alert()
    await night.pass_on()
    await night.pass_minutes(25 * 60)
    found = night.summary("group")
    assert (found.waiting, found.failed, found.sent) == (0, 1, 0)


async def test_a_group_may_hear_twice_when_no_answer_came_and_is_told_so(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [LOST]
    night.alert()
    await night.pass_minutes(10)
    heads = [text.splitlines()[0] for text in texts(wecom)]
    assert heads == ["【P1】倾倒 a", "【重发，可能与通知 1 重复】【P1】倾倒 a"]


async def test_what_is_never_answered_is_sent_three_times_at_most_and_shown(
    wecom: WeCom, make_night: MakeNight
) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [LOST] * 9
    night.alert()
    await night.pass_minutes(30)
    assert len(wecom.taken) == 3
    found = night.summary("group")
    assert (found.unconfirmed, found.waiting, found.last_error[:20]) == (1, 0, "the connection broke")


async def test_a_group_never_hears_twice_where_the_rules_say_hold(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE, options=", unconfirmed: hold"))
    wecom.script = [LOST]
    night.alert()
    await night.pass_minutes(10)
    assert len(wecom.taken) == 1
    assert night.summary("group").unconfirmed == 1


async def test_a_program_acts_once_however_often_no_answer_came(serve: Serve, make_night: MakeNight) -> None:
    program: Program = serve(Program)
    channel = f"channels: {{hook: {{kind: webhook, url: '{program.url}/x', sign: HOOK}}}}"
    night = make_night(f"{channel}\nrules: [{{name: all, steps: [{{by: [hook]}}]}}]")
    program.script = [LOST, LOST, (502, {}), LOST]
    night.alert()
    await night.pass_minutes(30)
    assert len(program.taken) == 4
    assert len(program.ids) == 1
    assert program.taken[0].json["alert"]["alert_id"] == alert_id("a")
    assert night.states() == [f"hook {State.SENT}"]


FLOODS = [
    (WeCom, "kind: wecom, key: WECOM", 1_000, 45),
    (DingTalk, "kind: dingtalk, access_token: DING, sign: DING_SIGN", 200, 45),
    (Feishu, "kind: feishu, hook: FEISHU, sign: FEISHU_SIGN", 200, 150),
]
"""Service, options of the channel, alerts in a minute, and the messages that may come of them in four minutes."""


@pytest.mark.parametrize(("kind", "options", "alerts", "most"), FLOODS)
async def test_a_thousand_alerts_in_a_minute_become_a_digest(
    kind: type[Service], options: str, alerts: int, most: int, serve: Serve, make_night: MakeNight, clock: Clock
) -> None:
    """No limit of the service is ever touched, and every alert is in a message that arrived."""
    service = serve(kind)
    night = make_night(
        f"channels: {{group: {{{options}, server: '{service.url}'}}}}\nrules: [{{name: all, steps: [{{by: [group]}}]}}]"
    )
    for third in range(20):
        changes = [
            change(f"{no}", severity=Severity.P2 if no % 50 else Severity.P1, at=clock.now)
            for no in range(alerts * third // 20, alerts * (third + 1) // 20)
        ]
        night.journal.record(changes, clock.now)
        await night.pass_minutes(3 / 60, steps=1)
    await night.pass_minutes(3)
    found = night.summary("group")
    assert found.waiting == found.failed == found.unconfirmed == found.retried == 0
    assert len(service.taken) == len(service.requests) == found.sent < most
    digests = [request for request in service.taken if "汇总" in request.json_text]
    assert 1 <= len(digests) <= 3
    assert found.digested + found.sent - len(digests) == alerts


async def test_a_digest_counts_and_names_the_gravest_first(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    for no in range(40):
        night.alert(f"{no}", rule="bin_overflow", severity=Severity.P3, title=Text(en=f"Full {no}", zh=f"满溢 {no}"))
    night.alert("x", severity=Severity.P1)
    await night.pass_on()
    await night.pass_on()
    assert texts(wecom)[0].splitlines()[0] == "【P1】倾倒 x"
    digest = next(text for text in texts(wecom) if "汇总" in text)
    singles = len(texts(wecom)) - 1
    assert digest.splitlines()[:2] == [f"【汇总】{41 - singles} 条告警通知", f"P3 满溢 × {41 - singles}"]
    assert "另有" in digest
    assert mentioned(wecom)[texts(wecom).index(digest)] == "li"


async def test_a_channel_that_is_away_holds_up_no_other(serve: Serve, make_night: MakeNight) -> None:
    wecom, program = serve(WeCom), serve(Program)
    wecom.script = [(503, {})] * 1_000
    night = make_night(f"""
channels:
  group: {{kind: wecom, key: WECOM, server: '{wecom.url}'}}
  hook: {{kind: webhook, url: '{program.url}/x', sign: HOOK}}
rules: [{{name: all, steps: [{{by: [group, hook]}}]}}]
""")
    for name in "abc":
        night.alert(name)
    await night.pass_minutes(1)
    assert len(program.ids) == 3
    assert wecom.taken == []
    wecom.script = []
    await night.pass_minutes(20)
    assert len(wecom.taken) == 3


async def test_a_lost_position_tells_nobody_twice(wecom: WeCom, make_night: MakeNight) -> None:
    rules = one_channel(wecom, AT_ONCE)
    night = make_night(rules)
    for name in "abc":
        night.alert(name)
    await night.pass_on()
    night.lose_position()
    night = make_night(rules)
    night.alert("d")
    await night.pass_on()
    assert len(wecom.taken) == 4


async def test_a_bug_at_one_alert_holds_up_no_other(
    wecom: WeCom, make_night: MakeNight, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    night = make_night(one_channel(wecom, STEPS))
    notices = Rulebook.notices

    def fails_at_a(book: Rulebook, change: AlertChange, *rest: Any) -> Any:
        if change.alert_id == alert_id("a"):
            raise LookupError("a bug")
        return notices(book, change, *rest)

    monkeypatch.setattr(Rulebook, "notices", fails_at_a)
    for name in "ab":
        night.alert(name)
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 b"]
    assert "cannot be planned, tried again" in caplog.text
    monkeypatch.setattr(Rulebook, "notices", notices)
    await night.publisher.retry_refused()
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 b", "【P1】倾倒 a"]
    monkeypatch.setattr(Rulebook, "notices", fails_at_a)
    await night.pass_minutes(11)
    assert mentioned(wecom) == ["li", "li", "boss"]
    monkeypatch.setattr(Rulebook, "notices", notices)
    await night.pass_minutes(2)
    assert mentioned(wecom) == ["li", "li", "boss", "boss"]


async def test_a_process_that_is_stopped_waits_for_the_answer(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    answered, loop = threading.Event(), asyncio.get_running_loop()
    taken = asyncio.Event()

    def slowly() -> None:
        loop.call_soon_threadsafe(taken.set)
        answered.wait(PATIENCE_S)

    wecom.on_taken = slowly
    night.alert()
    running = asyncio.create_task(night.pass_on())
    await taken.wait()
    running.cancel()
    answered.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert night.states() == ["group li sent"]


async def test_after_a_restart_the_limit_of_the_minute_still_counts(wecom: WeCom, make_night: MakeNight) -> None:
    rules = one_channel(wecom, AT_ONCE)
    for restart in range(4):
        night = make_night(rules)
        for no in range(8):
            night.alert(f"{restart}{no}")
        await night.pass_on()
        night.close()
    night = make_night(rules)
    await night.pass_minutes(5)
    assert len(wecom.requests) == len(wecom.taken)
    assert night.summary("group").waiting == 0
    assert isinstance(night, Night)
