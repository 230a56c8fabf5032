"""Stories of a night shift: who is told what, when, and by which channel."""

from collections.abc import Callable
from typing import Any

import pytest

from ingest.notices.notice import State
from rules.alerts.model import Amendment, Phase, Severity, Text
from tests.ingest.notices.conftest import MakeNight
from tests.ingest.notices.night import MINUTE, T0, Clock, Night, alert_id, change
from tests.ingest.notices.services import LOST, DingTalk, Feishu, Program, Service, WeCom

Serve = Callable[[type[Service]], Any]
PEOPLE = """
console: https://haulwatch.example
people:
  li: {name: 李明, wecom: li, mobile: "13800000000", roles: [officer], mail: li@example.com}
  wang: {name: Wang, wecom: wang, mail: wang@example.com, language: en}
  boss: {name: Boss, wecom: boss, mail: boss@example.com}
duty:
  night: [{who: [li], hours: "18:00-08:00"}, {who: [wang], hours: "08:00-18:00"}]
"""


def one_channel(service: Service, rules: str, *, options: str = "") -> str:
    return (
        f"{PEOPLE}\nchannels:\n  group: {{kind: wecom, key: WECOM, server: '{service.url}'{options}}}\nrules:\n{rules}"
    )


AT_ONCE = "  - {name: all, steps: [{by: [group], tell: {duty: [night]}}]}"
STEPS = """
  - name: all
    steps:
      - {by: [group], tell: {duty: [night]}}
      - {after_min: 10, by: [group], tell: {people: [boss]}}
      - {after_min: 20, by: [group], tell: {people: [wang]}}
"""


def mentioned(service: WeCom) -> list[str]:
    """Who was mentioned in each message."""
    return [",".join(request.json["text"]["mentioned_list"]) for request in service.taken]


def texts(service: WeCom) -> list[str]:
    return [request.json["text"]["content"] for request in service.taken]


@pytest.fixture
def wecom(serve: Serve) -> WeCom:
    found: WeCom = serve(WeCom)
    return found


async def test_an_alert_is_told_once_to_who_is_on_duty_with_a_link(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    night.alert()
    for _ in range(3):
        await night.pass_on()
    assert mentioned(wecom) == ["li"]
    [text] = texts(wecom)
    assert text.startswith("【P1】倾倒 a\n")
    assert f"https://haulwatch.example/#alert={alert_id('a')}" in text
    assert "举升" in text
    assert "2026-09-21 22:13:20" in text


async def test_which_alerts_a_rule_tells_of(wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    rules = """
  - name: some
    alerts: {rule: illegal_dumping, severity: P2, district: urban, fleet: [fleet-a, fleet-z], hours: "20:00-06:00"}
    steps: [{by: [group]}]
"""
    night = make_night(one_channel(wecom, rules))
    night.alert("a", severity=Severity.P2)
    night.alert("b", severity=Severity.P3)
    night.alert("c", rule="bin_overflow")
    night.alert("d", subject="T2")
    await night.pass_on()
    clock.now += 10 * 60 * MINUTE  # 08:13
    night.alert("e")
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P2】倾倒 a"]


async def test_an_unacknowledged_alert_climbs_the_steps(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, STEPS))
    night.alert()
    await night.pass_on()
    await night.pass_minutes(9.8)
    assert mentioned(wecom) == ["li"]
    await night.pass_minutes(0.5)
    assert mentioned(wecom) == ["li", "boss"]
    assert "无人确认" in texts(wecom)[1]
    await night.pass_minutes(19)
    assert mentioned(wecom) == ["li", "boss"]
    await night.pass_minutes(60)
    assert mentioned(wecom) == ["li", "boss", "wang"]


@pytest.mark.parametrize("ends_by", ["acknowledge", "close_alert"])
async def test_who_acknowledges_ends_the_climb(ends_by: str, wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, STEPS))
    night.alert()
    await night.pass_on()
    await night.pass_minutes(5)
    getattr(night, ends_by)()
    await night.pass_minutes(60)
    assert mentioned(wecom) == ["li"]


@pytest.mark.parametrize(("option", "expected"), [("true", ["li"]), ("false", ["li", "boss", "wang"])])
async def test_an_alert_that_is_over_climbs_on_unless_the_rule_ends_it(
    option: str, expected: list[str], wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, STEPS + f"    stop_when_over: {option}\n"))
    night.alert()
    await night.pass_on()
    night.alert(revision=2, phase=Phase.CLOSED, closed_at=clock.now)
    await night.pass_minutes(60)
    assert mentioned(wecom) == expected


async def test_a_step_for_which_nobody_is_on_duty_is_passed(wecom: WeCom, make_night: MakeNight) -> None:
    rules = STEPS.replace("duty: [night]", "duty: [weekend]")
    night = make_night(
        one_channel(wecom, rules).replace("duty:\n", "duty:\n  weekend: [{who: [wang], days: 'sat,sun'}]\n")
    )
    night.rules.rules[0]
    night.alert()
    await night.pass_on()
    assert mentioned(wecom) == [""]  # the group, with nobody mentioned


async def test_an_amended_and_a_retracted_alert_reach_exactly_whom_the_first_did(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(
        one_channel(
            wecom, "  - {name: urban, alerts: {district: urban}, steps: [{by: [group], tell: {duty: [night]}}]}"
        )
    )
    night.alert("a")
    night.alert("b", subject="T2")
    await night.pass_on()
    clock.now += 12 * 60 * MINUTE  # wang is on duty now, who was told of nothing
    for name, subject in (("a", "T1"), ("b", "T2")):
        night.alert(name, 2, subject=subject, phase=Phase.AMENDED, amendment=Amendment.DOWNGRADED, severity=Severity.P3)
        night.alert(name, 3, subject=subject, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, closed_at=clock.now)
        await night.pass_on()
    assert mentioned(wecom) == ["li", "li"]
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 a", "【P1】撤回：倾倒 a"]
    assert "无需处置" in texts(wecom)[1]


async def test_each_amendment_is_told_when_it_comes(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    night.alert(severity=Severity.P2, phase=Phase.PROVISIONAL)
    await night.pass_on()
    steps: list[dict[str, Any]] = [
        {"severity": Severity.P2, "phase": Phase.PROVISIONAL, "revised": True},
        {"severity": Severity.P2, "phase": Phase.CONFIRMED},
        {"severity": Severity.P1, "phase": Phase.CONFIRMED},
        {"severity": Severity.P1, "phase": Phase.AMENDED, "amendment": Amendment.EXTENDED},
        {"severity": Severity.P1, "phase": Phase.CLOSED, "closed_at": T0 + MINUTE},
    ]
    for revision, step in enumerate(steps, 2):
        night.alert(revision=revision, **step)
        await night.pass_on()
    heads = [text.splitlines()[0] for text in texts(wecom)]
    assert heads == ["【P2】倾倒 a", "【P2】已证实：倾倒 a", "【P1】升级：倾倒 a", "【P1】更正：倾倒 a"]


async def test_what_was_retracted_before_it_left_is_told_to_nobody(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [(503, {})] * 3
    night.alert()
    await night.pass_on()
    night.alert(revision=2, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, closed_at=clock.now)
    await night.pass_minutes(10)
    assert wecom.taken == []
    assert night.states() == ["group li withdrawn", "group li withdrawn"]


async def test_a_later_change_stands_for_one_that_has_not_left(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    wecom.script = [(503, {})]
    night.alert(severity=Severity.P2)
    await night.pass_on()
    night.alert(revision=2, severity=Severity.P1)
    await night.pass_minutes(10)
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】升级：倾倒 a"]


async def test_a_merged_alert_calls_nobody_twice(wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    night.alert("a")
    await night.pass_on()
    night.alert("b", takes_over=alert_id("a"))
    night.alert("a", 2, phase=Phase.AMENDED, amendment=Amendment.MERGED, closed_at=clock.now)
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 a", "【P1】并入其他告警：倾倒 a"]
    night.alert("b", 2, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, closed_at=clock.now)
    await night.pass_on()
    assert texts(wecom)[2].splitlines()[0] == "【P1】撤回：倾倒 b"


async def test_old_news_calls_nobody(wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    night = make_night(one_channel(wecom, "  - {name: all, max_age_min: 60, steps: [{by: [group]}]}"))
    for name, ended_min_ago in (("a", 90), ("b", 30)):
        late: dict[str, Any] = {"amendment": Amendment.NEW_LATE, "at": clock.now - 100 * MINUTE}
        night.alert(name, 1, phase=Phase.CLOSED, closed_at=clock.now - ended_min_ago * MINUTE, **late)
    night.alert("c", opened_at=clock.now - 100 * MINUTE, amendment=Amendment.NEW_LATE, at=clock.now - 99 * MINUTE)
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】补报：倾倒 b", "【P1】补报：倾倒 c"]


async def test_what_was_recorded_before_the_first_rules_is_told_to_nobody(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    clock.now = T0 - 1
    night.alert("a")
    clock.now = T0
    night.alert("b")
    await night.pass_on()
    assert len(wecom.taken) == 1


async def test_a_shelved_alert_is_told_when_its_shelf_is_over(wecom: WeCom, make_night: MakeNight) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    night.shelve(30)
    night.alert("a", rule="bin_overflow", severity=Severity.P2)
    await night.pass_minutes(29)
    night.alert("a", 2, rule="bin_overflow", severity=Severity.P2, revised=True)
    await night.pass_on()
    assert wecom.taken == []
    await night.pass_minutes(2)
    assert len(wecom.taken) == 1


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
