"""Every text of a notice, in both languages."""

import re
from zoneinfo import ZoneInfo

import pytest

from ingest.notices import wording
from ingest.notices.channels import Language
from ingest.notices.wording import DigestLine, Subject, repeated, write, write_digest, write_test
from rules.alerts.model import Amendment, Evidence, Text
from tests.ingest.notices.night import change

CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
REASONS = sorted(map(str, wording._HEAD))


def body(reason: str, language: Language) -> str:
    amendment = Amendment(reason) if reason in set(Amendment) else None
    about = Subject("bridge", "urban")
    console = "https://haulwatch.example"
    texts = write(
        change(amendment=amendment), reason, language, about=about, zone=ZoneInfo("Asia/Shanghai"), console=console
    )
    return f"{texts.subject}\n{texts.body}"


def test_each_amendment_has_its_words() -> None:
    assert set(Amendment) <= set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_a_notice_is_in_one_language(reason: str) -> None:
    english, chinese = body(reason, "en"), body(reason, "zh")
    assert not CHINESE.search(english)
    assert all(CHINESE.search(line) for line in chinese.splitlines())
    first, plain = english.splitlines()[0], body("call", "en").splitlines()[0]
    assert (first == plain) == (reason == "call")


def test_digests_repeats_and_tests_are_in_one_language() -> None:
    lines = [DigestLine("P2", "bin_overflow", "[P2] full"), DigestLine("P1", "illegal_dumping", "[P1] dump")] * 20
    english = write_digest(lines, "en", "https://haulwatch.example")
    assert english.subject == "[digest] 40 alert notices"
    assert english.body.splitlines()[:3] == ["P1 Illegal dumping × 20", "P2 Bin overflow × 20", "· [P1] dump"]
    assert "and 28 more" in english.body
    test = write_test("en", "li")
    for text in (english.body, test.subject, test.body, repeated("x", 7, "en")):
        assert not CHINESE.search(text.replace("×", "x"))
    chinese = write_digest(lines, "zh", None)
    assert "另有 28 条" in chinese.body
    assert repeated("倾倒", 7, "zh") == "【重发，可能与通知 7 重复】倾倒"


def test_a_digest_of_many_rules_fits_into_the_shortest_message() -> None:
    rules = ["illegal_dumping", "route_deviation", "bin_overflow", "silent_device", "speeding", "stopped_loaded"]
    subject = "【P1】" + "很长的标题" * 40
    lines = [DigestLine(f"P{no % 4 + 1}", rules[no % 6], subject) for no in range(5_000)]
    texts = write_digest(lines, "zh", "https://haulwatch.example.city.gov.cn")
    assert len(f"{texts.subject}\n{texts.body}".encode()) <= 2_048


def test_what_a_device_sends_is_no_link() -> None:
    plate = "https://evil.example WWW.evil.example"
    sent = change(
        subject=plate,
        title=Text(en=f"Dumping {plate}", zh=plate),
        evidence=Evidence(parameters={}, findings=(Text(en=plate, zh=plate),)),
    )
    texts = write(
        sent,
        "call",
        "en",
        about=Subject(plate, plate),
        zone=ZoneInfo("Asia/Shanghai"),
        console="https://haulwatch.example",
    )
    found = re.findall(r"\S*(?:://|www\.)\S*", f"{texts.subject}\n{texts.body}", re.IGNORECASE)
    assert found == [f"https://haulwatch.example/#alert={sent.alert_id}"]
    assert texts.subject == "[P1] Dumping https:/ /evil.example WWW .evil.example"
