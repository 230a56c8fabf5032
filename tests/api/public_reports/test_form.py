"""The form for everybody: what it keeps, what it refuses, and what an attacker gets out of it."""

import base64
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Final

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from api.public_reports.form import STATE_FAILURES
from api.public_reports.tokens import MAX_MS, MIN_MS
from api.public_reports.words import CATEGORIES, WORDS
from devices.db.database import DatabaseUnavailable
from rules.cases.actions import Close
from rules.cases.model import CaseOutcome
from rules.cases.store import CaseStore
from rules.public_reports.model import Category, NewReport, Report
from rules.public_reports.sealing import NO_KEYS
from rules.public_reports.store import Receipt, ReportFilter
from tests.api.conftest import client_of
from tests.api.fakes import NOW, Ring
from tests.api.public_reports.conftest import FILLED, ON, Wall, fetched, sent, slip

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"


def kept(parts: ApiParts) -> list[Report]:
    return list(parts.public_reports.reports.reports(ReportFilter(), limit=99))


async def test_a_report_is_kept_and_answered_with_number_and_code(
    public: AsyncClient, timed: ApiParts, wall: Wall, cases: CaseStore
) -> None:
    number, code = slip(await sent(public, wall))
    [report] = timed.public_reports.reports.reports(ReportFilter(), limit=9)
    assert number == report.number == "R-000001"
    assert (report.text, report.address, report.plate) == (FILLED["text"], FILLED["address"], FILLED["plate"])
    assert (report.channel, report.category, report.site_id) == ("web", "dumping", None)
    assert report.received_at == report.seen_at == wall.now
    assert re.fullmatch(r"([2-9A-Z]{4}-){2}[2-9A-Z]{4}", code)
    assert cases.case(report.case_number, NOW) is not None


async def test_the_state_is_for_who_has_number_and_code_and_says_no_more_than_the_end(
    public: AsyncClient, wall: Wall, cases: CaseStore, timed: ApiParts
) -> None:
    number, code = slip(await sent(public, wall))

    async def asked() -> str:
        answer = await public.post("/report/state?lang=en", data={"number": number, "code": code.lower()})
        assert answer.status_code == 200
        return answer.text

    assert "Received" in await asked()
    [report] = timed.public_reports.reports.reports(ReportFilter(), limit=9)
    closing = Close(
        actor="li.wei", at=wall.now, version=1, outcome=CaseOutcome.CONFIRMED_VIOLATION, reason="truck 晋E10001 fined"
    )
    cases.act(report.case_number, closing)
    text = await asked()
    assert "found to be so" in text
    assert not any(secret in text for secret in ("li.wei", "fined", "晋E10001", report.case_number, FILLED["text"]))


async def test_wrong_number_and_wrong_code_get_one_answer_and_a_bounded_number_of_guesses(
    public: AsyncClient, wall: Wall
) -> None:
    number, code = slip(await sent(public, wall))
    unknown = await public.post("/report/state", data={"number": "R-000999", "code": code})
    wrong = await public.post("/report/state", data={"number": number, "code": "AAAA-BBBB-CCCC"})
    nonsense = await public.post("/report/state", data={"number": "'; DROP TABLE", "code": "x" * 5_000})
    assert [one.status_code for one in (unknown, wrong, nonsense)] == [404] * 3
    assert unknown.text.replace("R-000999", number) == wrong.text
    for _ in range(STATE_FAILURES - 3):
        assert (await public.post("/report/state", data={"number": number, "code": "A"})).status_code == 404
    assert (await public.post("/report/state", data={"number": number, "code": code})).status_code == 429
    wall.now += 600_001
    assert (await public.post("/report/state", data={"number": number, "code": code})).status_code == 200


async def test_a_right_code_may_be_asked_for_often(public: AsyncClient, wall: Wall) -> None:
    number, code = slip(await sent(public, wall))
    for _ in range(STATE_FAILURES * 2):
        assert (await public.post("/report/state", data={"number": number, "code": code})).status_code == 200


async def test_the_form_comes_in_both_languages_and_works_without_scripts(public: AsyncClient) -> None:
    for lang in ("en", "zh"):
        page = (await public.get(f"/report?lang={lang}")).text
        for kind in Category:
            assert f'value="{kind}"' in page
            assert getattr(CATEGORIES[kind], lang) in page
        assert f'action="/report?lang={lang}"' in page
        assert 'method="post"' in page
        assert "城管局 City office" in page
        assert "12345" in page


async def test_the_language_is_that_of_the_browser(public: AsyncClient) -> None:
    accepted = {"zh-CN,zh;q=0.9": "zh-CN", "en-GB,en": "en", "de,en;q=0.5": "en", "fr": "zh-CN", "": "zh-CN"}
    for header, lang in accepted.items():
        assert f'<html lang="{lang}">' in (await public.get("/report", headers={"Accept-Language": header})).text


def test_every_text_is_there_in_both_languages_with_the_same_places_to_fill() -> None:
    for name, text in [*WORDS.items(), *CATEGORIES.items()]:
        assert text.en
        assert text.zh
        assert set(re.findall(r"\{\w+\}", text.en)) == set(re.findall(r"\{\w+\}", text.zh)), name


async def test_the_page_may_run_nothing_but_its_own_script_and_sets_no_cookie(public: AsyncClient) -> None:
    answer = await public.get("/report")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.text, re.DOTALL)
        digest = base64.b64encode(sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "set-cookie" not in answer.headers
    assert not re.search(r"\son\w+=|style=\"|https?://", answer.text)
    assert "geolocation=(self)" in answer.headers["permissions-policy"]


class Seen(HTMLParser):
    """Tags and scripts of a page, as a browser reads it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        assert not any(name.startswith("on") for name in found)
        if "name" in found and found["name"] is not None:
            self.values[found["name"]] = found.get("value")


async def test_what_somebody_writes_is_text_wherever_it_is_shown_again(public: AsyncClient, wall: Wall) -> None:
    written = {"address": ATTACK, "plate": ATTACK[:16], "name": ATTACK, "contact": ATTACK, "when": ATTACK[:20]}
    answer = await sent(public, wall, category="", text=ATTACK, **written, lat=ATTACK[:20], lon="1", accuracy=ATTACK)
    assert answer.status_code == 422
    page = Seen(answer.text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert page.values["address"] == ATTACK
    assert page.values["name"] == ATTACK
    state = await public.post("/report/state", data={"number": ATTACK, "code": ATTACK})
    assert Seen(state.text).tags.count("script") == 1
    site = await public.get("/report/%3Cscript%3Ealert(1)")
    assert site.status_code == 404
    assert "alert(1)" not in site.text


FAULTS: Final[list[tuple[dict[str, str], str]]] = [
    ({"category": ""}, "Say what it is about"),
    ({"category": "murder"}, "Say what it is about"),
    ({"text": "  "}, "what you saw"),
    ({"text": "x" * 2_001}, "2,000 characters"),
    ({"text": "a\u202eb"}, "U+202E"),
    ({"address": ""}, "Say where it was"),
    ({"address": "x" * 201}, "at most 200"),
    ({"plate": "晋E\x001"}, "U+0000"),
    ({"when": "2025-10-01T10:00"}, "90 days"),
    ({"when": "yesterday"}, "90 days"),
    ({"when": "9999-12-31T23:59"}, "90 days"),
    ({"lat": "39.9", "lon": "116.4"}, "outside Small"),
    ({"website": "http://spam.example"}, "for robots"),
    ({"form": "1.2.3"}, "once more"),
    ({"form": ""}, "once more"),
]


async def test_what_cannot_be_kept_comes_back_with_what_to_do_and_what_was_written(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, per_address=50))
    async with client_of(timed, options) as public:
        for fields, says in FAULTS:
            answer = await sent(public, wall, **fields)
            assert answer.status_code == 422, fields
            assert says in answer.text
            if "text" not in fields:
                assert FILLED["text"] in answer.text
    assert kept(timed) == []


async def test_a_form_that_is_sent_without_being_fetched_or_too_fast_or_too_late_is_sent_again(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    token = await fetched(public)
    assert (await public.post("/report", data={**FILLED, "form": token})).status_code == 422
    wall.now += MIN_MS
    other = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert (await public.post("/report", data={**FILLED, "form": other})).status_code == 422
    wall.now += MAX_MS
    late = await public.post("/report", data={**FILLED, "form": token})
    assert late.status_code == 422
    assert kept(timed) == []
    again = re.search(r'name="form" value="([^"]+)"', late.text)
    assert again is not None
    assert again[1] != token
    wall.now += MIN_MS
    slip(await public.post("/report", data={**FILLED, "form": again[1]}))


async def test_a_page_of_somebody_else_cannot_send_by_the_browsers_of_its_visitors(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    token = await fetched(public)
    wall.now += 60_000
    for site, status in (("cross-site", 422), ("same-origin", 201)):
        answer = await public.post("/report", data={**FILLED, "form": token}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status
    assert len(kept(timed)) == 1


async def test_a_form_that_is_sent_twice_is_one_report(public: AsyncClient, timed: ApiParts, wall: Wall) -> None:
    token = await fetched(public)
    wall.now += 60_000
    answers = [await public.post("/report", data={**FILLED, "form": token}) for _ in range(3)]
    assert len({slip(answer) for answer in answers}) == 1
    assert len(kept(timed)) == 1


@pytest.mark.parametrize(
    "changed", [{"text": "A second heap"}, {"address": "Mill road"}, {"plate": ""}, {"when": "2026-03-01T16:30"}]
)
async def test_another_report_in_the_same_form_is_kept_too(
    public: AsyncClient, timed: ApiParts, wall: Wall, changed: dict[str, str]
) -> None:
    token = await fetched(public)
    wall.now += 60_000
    first, second, again = [
        slip(await public.post("/report", data={**FILLED, **more, "form": token})) for more in ({}, changed, changed)
    ]
    assert second == again
    assert first[0] != second[0]
    assert first[1] != second[1], "each code opens one report"
    assert len(kept(timed)) == 2
    for number, code in (first, second):
        answer = await public.post("/report/state?lang=en", data={"number": number, "code": code})
        assert answer.status_code == 200


async def test_a_name_that_is_added_when_the_form_is_sent_again_is_not_lost(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    token = await fetched(public)
    wall.now += 60_000
    slip(await public.post("/report", data={**FILLED, "form": token}))
    slip(await public.post("/report", data={**FILLED, "form": token, "name": "王某"}))
    assert sorted(one.has_informant for one in kept(timed)) == [False, True]


async def test_the_time_is_that_of_the_city_and_the_position_that_of_the_phone(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    # NOW is 2026-03-01 17:00 in Shanghai.
    slip(
        await sent(public, wall, when="2026-03-01T16:30", lat="35.451234", lon="112.851234", accuracy="12", address="")
    )
    [report] = timed.public_reports.reports.reports(ReportFilter(), limit=9)
    assert report.seen_at == NOW - 30 * 60_000
    assert (report.lat, report.lon, report.accuracy_m) == (35.451234, 112.851234, 12.0)


async def test_the_code_of_a_site_fills_in_the_site(public: AsyncClient, timed: ApiParts, wall: Wall) -> None:
    page = await public.get("/report/spoil-1?lang=zh")
    assert "弃土场" in page.text
    slip(await sent(public, wall, "/report/spoil-1?lang=zh", address=""))
    [report] = timed.public_reports.reports.reports(ReportFilter(), limit=9)
    assert (report.channel, report.site_id, report.district) == ("qr", "spoil-1", "zezhou")
    assert report.lat is not None
    assert report.lon is not None
    assert 35.40 < report.lat < 35.41
    assert 112.90 < report.lon < 112.91


async def test_an_unknown_code_says_so_and_leads_on(public: AsyncClient) -> None:
    closed = await public.get("/report/old-1?lang=en")
    assert closed.status_code == 404, "it was a site once"
    answer = await public.get("/report/no-such-site?lang=en")
    assert answer.status_code == 404
    assert "This code is not known" in answer.text
    assert 'href="/report?lang=en"' in answer.text


async def test_a_name_is_sealed_and_shown_nowhere(public: AsyncClient, timed: ApiParts, wall: Wall) -> None:
    answer = await sent(public, wall, name="王某", contact="138 0000 0000")
    slip(answer)
    assert "王某" not in answer.text
    [report] = timed.public_reports.reports.reports(ReportFilter(), limit=9)
    assert report.has_informant
    found = timed.public_reports.informants.open(report.no)
    assert (found.name, found.contact) == ("王某", "138 0000 0000")


async def test_without_a_key_the_form_takes_no_names_and_anonymous_reports_go_on(
    public: AsyncClient, timed: ApiParts, wall: Wall, ring: Ring
) -> None:
    ring.keys = NO_KEYS
    page = (await public.get("/report?lang=en")).text
    assert 'name="contact"' not in page
    assert "anonymous" in page
    refused = await sent(public, wall, name="王某")
    assert refused.status_code == 422
    assert "Send it without" in refused.text
    assert kept(timed) == []
    slip(await sent(public, wall))


async def test_one_address_may_send_so_many_an_hour_and_another_one_goes_on(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, per_address=3))
    async with client_of(timed, options) as client:
        for _ in range(3):
            slip(await sent(client, wall))
        refused = await sent(client, wall)
        assert refused.status_code == 429
        assert "12345" in refused.text
        assert int(refused.headers["retry-after"]) > 0
        wall.now += 3_600_000
        slip(await sent(client, wall))
    assert len(kept(timed)) == 4


async def test_faults_are_no_reports_but_are_bounded_too(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, per_address=1))
    async with client_of(timed, options) as client:
        found = [(await client.post("/report", data={"text": ""})).status_code for _ in range(8)]
    assert found == [422] * 6 + [429] * 2


async def test_all_addresses_together_fill_no_more_than_a_day_takes(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, max_per_day=2, per_address=50))
    async with client_of(timed, options) as client:
        for _ in range(2):
            slip(await sent(client, wall))
        assert (await sent(client, wall)).status_code == 429
    assert len(kept(timed)) == 2


async def test_what_no_browser_sends_is_refused(public: AsyncClient, timed: ApiParts) -> None:
    form = "application/x-www-form-urlencoded"
    for content, kind, status in (
        (b"text=" + b"x" * 10_000_000, form, 413),
        (b"text=%ff%fe", form, 400),
        (b"\xff\xfe", form, 400),
        (b"&".join(b"text=%d" % n for n in range(5_000)), form, 400),
        (b'{"text": "x"}', "application/json", 400),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b"", "", 400),
    ):
        answer = await public.post("/report", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
    assert kept(timed) == []


class Away:
    """A database that does not answer."""

    def add(self, new: NewReport, **_: object) -> Receipt:
        raise DatabaseUnavailable("secret-host refuses the connection")


async def test_while_the_database_is_away_the_form_says_that_nothing_was_sent(timed: ApiParts, wall: Wall) -> None:
    away = replace(timed, public_reports=replace(timed.public_reports, reports=Away()))  # type: ignore[arg-type]
    async with client_of(away, ApiOptions(version="1", reports=ON)) as client:
        answer = await sent(client, wall)
    assert answer.status_code == 503
    assert "Nothing was sent" in answer.text
    assert "secret-host" not in answer.text


async def test_it_is_off_until_a_setting_turns_it_on(parts: ApiParts) -> None:
    async with client_of(parts, ApiOptions(version="1")) as client:
        for path in ("/report", "/report/spoil-1", "/report/state"):
            for answer in (await client.get(path), await client.post(path, data=FILLED)):
                assert answer.status_code == 404
                assert answer.json()["type"] == "urn:haulwatch:problem:not-found"
