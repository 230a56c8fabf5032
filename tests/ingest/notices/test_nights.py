"""Stories of a night shift: who is told what, when, and by which channel."""

from typing import Any

import pytest

from rules.alerts.model import Amendment, Phase, Severity
from tests.ingest.notices.conftest import MakeNight
from tests.ingest.notices.night import MINUTE, T0, Clock, alert_id
from tests.ingest.notices.rota import AT_ONCE, STEPS, mentioned, one_channel, texts
from tests.ingest.notices.services import WeCom


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


async def test_an_alert_that_goes_on_after_a_person_closed_it_is_told_again(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    night = make_night(one_channel(wecom, AT_ONCE))
    night.alert()
    await night.pass_on()
    night.close_alert()
    clock.now += MINUTE
    night.alert(revision=2, revised=True)
    await night.pass_on()
    clock.now += MINUTE
    night.alert(revision=3)
    await night.pass_on()
    clock.now += MINUTE
    night.alert(revision=4)
    await night.pass_on()
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 a", "【P1】结案后仍在继续：倾倒 a"]


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


async def test_an_end_is_told_where_the_rule_says_so(wecom: WeCom, make_night: MakeNight, clock: Clock) -> None:
    rules = AT_ONCE + "\n  - {name: ends, alerts: {district: urban}, tell_end: true, steps: [{by: [group]}]}"
    night = make_night(one_channel(wecom, rules))
    for name, subject in (("a", "T1"), ("b", "T2")):
        night.alert(name, subject=subject)
    await night.pass_on()
    for name, subject in (("a", "T1"), ("b", "T2")):
        night.alert(name, 2, subject=subject, phase=Phase.CLOSED, closed_at=clock.now)
    await night.pass_on()
    heads = [text.splitlines()[0] for text in texts(wecom)]
    assert heads == ["【P1】倾倒 a", "【P1】倾倒 b", "【P1】已结束：倾倒 a"]


async def test_an_end_that_comes_before_its_alert_hides_no_alert(
    wecom: WeCom, make_night: MakeNight, clock: Clock
) -> None:
    """It began and ended while the service was away: the load still lies there."""
    night = make_night(one_channel(wecom, "  - {name: all, tell_end: true, steps: [{by: [group]}]}"))
    wecom.script = [(503, {})] * 3
    night.alert()
    await night.pass_on()
    night.alert(revision=2, phase=Phase.CLOSED, closed_at=clock.now)
    await night.pass_minutes(10)
    assert [text.splitlines()[0] for text in texts(wecom)] == ["【P1】倾倒 a"]
    assert night.states() == ["group sent", "group withdrawn"]


async def test_a_later_step_stands_for_no_step_that_tells_others(wecom: WeCom, make_night: MakeNight) -> None:
    """The alert was revised between them, so that they tell of different changes."""
    night = make_night(one_channel(wecom, STEPS))
    wecom.script = [(503, {})] * 9
    night.alert()
    await night.pass_on()
    night.alert(revision=2, revised=True)
    await night.pass_minutes(11, steps=11)
    wecom.script = []
    await night.pass_minutes(10)
    assert mentioned(wecom) == ["li", "boss"]
