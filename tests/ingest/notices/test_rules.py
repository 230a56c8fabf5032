"""Notice rules as files: what they say, and every fault with its line, its key and what to do."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.notices.channels import CHANNEL_KINDS
from ingest.notices.model import DutyLine, NoticeRules
from ingest.notices.reading import BadNoticeRules, read_notice_rules
from tests import ROOT

SHANGHAI = ZoneInfo("Asia/Shanghai")
DUTY = """
people: {li: {name: Li}, wang: {name: Wang}, zhao: {name: Zhao}}
duty:
  night:
    - {who: li, days: mon-fri, hours: "18:00-08:00"}
    - {who: wang, days: "sat, sun"}
    - {who: zhao, dates: ["2026-10-01..2026-10-07", 2027-01-01]}
"""


def read(text: str) -> NoticeRules:
    return read_notice_rules(text.encode(), "notices.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(BadNoticeRules) as bad:
        read(text)
    return list(bad.value.faults)


def on_duty(when: str, text: str = DUTY) -> list[str]:
    return list(read(text).on_duty("night", datetime.fromisoformat(when).replace(tzinfo=SHANGHAI)))


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-09-21 17:59", []),  # a Monday
        ("2026-09-21 18:00", ["li"]),
        ("2026-09-22 07:59", ["li"]),
        ("2026-09-22 08:00", []),
        ("2026-09-26 03:00", ["li", "wang"]),  # Saturday: Friday's night, and the weekend
        ("2026-09-26 12:00", ["wang"]),
        ("2026-09-28 03:00", []),  # Monday: no night began on Sunday
        ("2026-10-01 12:00", ["zhao"]),  # a holiday, a Thursday
        ("2026-10-01 20:00", ["zhao"]),  # not li: dates stand in place of days
        ("2026-10-01 03:00", ["zhao"]),  # the first hours of the holiday, though Wednesday's night still lasts
        ("2026-10-08 03:00", []),  # the night that began on the holiday is not li's
        ("2026-10-08 20:00", ["li"]),
        ("2027-01-01 09:00", ["zhao"]),
    ],
)
def test_who_is_on_duty(when: str, who: list[str]) -> None:
    assert on_duty(when) == who


@pytest.mark.parametrize(
    ("text", "days"),
    [("daily", 7), ("mon-fri", 5), ("fri-mon", 4), ("wed", 1), ("sat,sun", 2), ("mon-wed, fri", 4)],
)
def test_days_of_the_week(text: str, days: int) -> None:
    assert len(DutyLine.model_validate({"who": ["li"], "days": text}).days) == days


def test_an_empty_file_tells_nobody() -> None:
    assert read("") == NoticeRules()


LI = "people: {li: {name: Li}}\n"
FAULTS = [
    ("chanels: {}", "notices.yaml:1: chanels: no such key: did you mean 'channels'?"),
    ("a: 1\na: 2", "notices.yaml:2: a: stands in line 1 already: write it once"),
    ("channels:\n  g: {kind: wecon}", "notices.yaml:2: channels.g: write `kind`: one of wecom, dingtalk,"),
    (
        "channels:\n  g:\n    kind: wecom\n    key: A\n    sever: x",
        "notices.yaml:5: channels.g.sever: no such key: did you mean 'server'?",
    ),
    ("channels:\n  g:\n    kind: wecom", "notices.yaml:3: channels.g.key: is missing"),
    ("channels: {g: {kind: wecom, key: 693a91f6-7xxx}}", "channels.g.key: write the name of a secret"),
    ("channels: {g: {kind: wecom, key: A, server: 'http://example.com'}}", "channels.g.server: is not encrypted"),
    ("channels: {g: {kind: webhook, sign: A, url: 'https://me:pw@example.com'}}", "channels.g.url: is no address"),
    (
        "channels: {g: {kind: mail, host: mail.example.com, port: 25, security: none, sender: a@b.c}}",
        "channels.g.security: none is for",
    ),
    ("people: {li: {name: Li, mail: nobody}}", "people.li.mail: "),
    ("people: {li: {name: Li, mobil: 1}}", "people.li.mobil: no such key: did you mean 'mobile'?"),
    (f"{LI}duty:\n  n:\n    - {{who: lee}}", "notices.yaml:4: duty.n[1].who: no person 'lee'"),
    (f"{LI}duty: {{n: [{{who: li, days: monday}}]}}", "duty.n[1].days: 'monday' are no days: write daily"),
    (f"{LI}duty: {{n: [{{who: li, hours: 8-18}}]}}", "duty.n[1].hours: are no hours: write them in quotes"),
    (f"{LI}duty: {{n: [{{who: li, dates: '2026-13-01'}}]}}", "duty.n[1].dates: 2026-13-01 is no date"),
    (f"{LI}duty: {{n: [{{who: li, dates: 2026-02-02..2026-02-01}}]}}", "ends before it begins"),
    ("rules:\n  - name: a\n    steps: []", "notices.yaml:3: rules[1].steps: "),
    (
        "rules:\n  - name: a\n    alerts: {rule: dumping}\n    steps: [{by: x}]",
        "notices.yaml:3: rules[1].alerts.rule: no such rule 'dumping'",
    ),
    (
        "rules:\n  - name: a\n    steps: [{by: x}]",
        "notices.yaml:3: rules[1].steps[1].by: no channel 'x': there are none",
    ),
    ("rules: [{name: a, steps: [{by: x, after_min: 3}]}]", "rules[1].steps: the first step is at once"),
    ("rules: [{name: a, steps: [{by: x}, {by: x}]}]", "rules[1].steps: give each further step `after_min`"),
    ("rules: [{name: a, steps: [{by: x, tel: 1}]}]", "rules[1].steps[1].tel: no such key: did you mean 'tell'?"),
    ("rules: [{name: a, alerts: {severity: P5}, steps: [{by: x}]}]", "rules[1].alerts.severity: "),
    ("console: ftp://x", "console: is not encrypted"),
    ("a: &x 1\nb: *x", "the alias *x is refused"),
    ("[", "notices.yaml: is not YAML"),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_a_fault_has_its_line_its_key_and_what_to_do(text: str, fault: str) -> None:
    found = faults(text)
    assert any(fault in one for one in found), found


def test_all_faults_are_found_at_once_and_no_secret_is_shown() -> None:
    found = faults("channels: {g: {kind: wecom, key: my-secret-key}, h: {kind: feishu, hook: other-secret, sign: x}}\n")
    assert len(found) == 3
    assert not any("my-secret-key" in one or "other-secret" in one for one in found)


def test_a_person_whom_a_channel_cannot_reach_is_a_fault() -> None:
    mail = "channels: {m: {kind: mail, host: localhost, port: 25, security: none, sender: a@b.c}}\n"
    people = "people: {li: {name: Li, roles: [officer]}, wang: {name: Wang, mail: w@b.c}}\n"
    before = f"{mail}{people}duty: {{n: [{{who: [li, wang]}}]}}\n"
    for tell in ("people: [li]", "roles: [officer]", "duty: [n]"):
        [fault] = faults(f"{before}rules: [{{name: a, steps: [{{by: m, tell: {{{tell}}}}}]}}]")
        assert fault.endswith("rules[1].steps[1]: person 'li' has no `mail`, which channel 'm' needs")
    [fault] = faults(f"{before}rules: [{{name: a, steps: [{{by: m}}]}}]")
    assert "names none: write `tell`" in fault
    first, *_ = faults(f"{before}rules: [{{name: a, steps: [{{by: m, tell: {{roles: [oficer]}}}}]}}]")
    assert "did you mean 'officer'?" in first


def test_the_file_in_the_documentation_is_correct() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "notices.md").read_text(), re.DOTALL)
    rules = read(shown)
    assert {channel.kind for channel in rules.channels.values()} == set(CHANNEL_KINDS)
    assert rules.rules[0].steps[1].after_min == 10
