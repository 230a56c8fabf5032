"""The console in a real browser, against the real API: both languages, by keyboard, on a phone, at two desks."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from api.console.pages import BUILT
from rules.alerts.model import Severity, Text
from tests.bench.console.journal import write_changes
from tests.e2e.desk import (
    CHROMIUM,
    DUMPED,
    FULL,
    NOW,
    OLDER,
    PATIENCE_MS,
    READ_TOKEN,
    WRITE_TOKEN,
    change,
    record,
    seated,
    seed,
    serious_faults,
    sign_in,
    sit_down,
)
from tests.installation import Installation
from tests.servers import free_port
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
expect.set_options(timeout=PATIENCE_MS)
LONG: Final = 130


def started(made: Installation, older: int = OLDER) -> Installation:
    seed(made, older)
    made.start_api()
    return made


def variables() -> dict[str, str]:
    return {"HAULWATCH_API_TOKEN": WRITE_TOKEN, "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}


@pytest.fixture
def desk(install: Callable[..., Installation]) -> Installation:
    """An API with alerts; it accepts writes."""
    return started(install("desk", **variables()))


@pytest.fixture
def long_desk(install: Callable[..., Installation]) -> Installation:
    """One with more alerts than a page of them has."""
    return started(install("desk", **variables()), LONG)


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for the tests that only look."""
    with closing(Installation(tmp_path_factory.mktemp("shared") / "desk", variables(), loaded=True)) as made:
        yield started(made)


def ask(page: Page, key: str) -> None:
    """Press the key of an action, and wait for its dialog."""
    page.keyboard.press(key)
    expect(page.locator("dialog")).to_be_visible()


def rows(page: Page) -> list[str]:
    return page.locator(".row .title").all_inner_texts()


def test_a_person_works_off_an_alert_by_keyboard_alone_and_a_second_desk_sees_it_at_once(
    chromium: Browser, chromium_with_map: Browser, desk: Installation
) -> None:
    """The first desk has a map; the computer of the second has no WebGL."""
    first, second = sit_down(chromium_with_map, desk), sit_down(chromium, desk, "zh-CN")
    page, other = first.open(), second.open()
    sign_in(page)
    expect(page.locator(".live.on")).to_be_visible()
    expect(other.locator(".live.on")).to_be_visible()
    expect(page.locator(".row").first).to_contain_text(DUMPED.en)
    expect(other.locator(".row").first).to_contain_text(DUMPED.zh)

    page.keyboard.press("j")
    expect(page.locator(".case h2")).to_contain_text(DUMPED.en)
    expect(page.locator(".case")).to_contain_text("Bed raised for 42 s while standing")
    expect(page.locator(".case")).to_contain_text("No permitted site within 50 m")
    expect(page.locator(".case")).to_contain_text("bed raised for")
    expect(page.locator(".case")).to_contain_text("M-77")
    expect(page.locator(".chart canvas")).to_have_count(3)
    expect(page.locator(".map-key")).to_be_visible()

    ask(page, "a")
    page.keyboard.press("Enter")
    expect(page.locator(".row").first).to_contain_text("✓")
    expect(other.locator(".row").first).to_contain_text("✓")
    ask(page, "s")
    page.keyboard.press("Control+A")
    page.keyboard.type("wang.fang")
    page.keyboard.press("Enter")
    expect(other.locator(".row").first).to_contain_text("wang.fang")
    ask(page, "c")
    page.keyboard.type("12 t of spoil, photographs taken")
    page.keyboard.press("Enter")
    expect(page.locator(".history")).to_contain_text("12 t of spoil, photographs taken")
    ask(page, "e")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".case")).to_contain_text("closed: confirmed violation")
    expect(other.locator(".rows")).not_to_contain_text(DUMPED.zh)
    page.keyboard.press("Escape")
    expect(page.locator(".rows")).not_to_contain_text(DUMPED.en)

    [closed] = desk.get("/api/v1/alerts?handled=true")["items"]
    assert (closed["outcome"], closed["handled_by"], closed["assigned_to"]) == (
        "confirmed_violation", "li.wei", "wang.fang",
    )  # fmt: skip
    assert (first.faults, second.faults) == ([], [])


def test_the_queue_goes_beyond_a_hundred_keeps_the_place_of_the_reader_and_is_filtered_and_grouped(
    chromium: Browser, long_desk: Installation
) -> None:
    watched = sit_down(chromium, long_desk)
    page = watched.open()
    expect(page.locator(".row")).to_have_count(100)
    expect(page.locator(".count")).to_have_text("100+")
    page.locator(".row").nth(60).locator("button").click()
    chosen = page.locator(".row.chosen .title").inner_text()
    expect(page.locator(".row.chosen button")).to_be_focused()
    top = page.locator(".row.chosen").bounding_box()

    fresh = change("speeding", "truck-003", NOW + 60_000, Text(en="Speeding now", zh="正在超速"), severity=Severity.P2)
    record(long_desk, [fresh])
    expect(page.locator(".row").first).to_contain_text("Speeding now")
    assert page.locator(".row.chosen .title").inner_text() == chosen
    expect(page.locator(".row.chosen button")).to_be_focused()
    after = page.locator(".row.chosen").bounding_box()
    assert top is not None
    assert after is not None
    assert abs(after["y"] - top["y"]) < 2, "what is read stays where it is"

    page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator(".row")).to_have_count(LONG + 3)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("晋E·D0105")
    expect(page.locator(".row")).to_have_count(1)
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.locator(".filters button", has_text="Filter").click()
    page.get_by_label("Severity").select_option("P2")
    expect(page.locator(".row")).to_have_count(2)
    assert sorted(rows(page)) == sorted([FULL.en, "Speeding now"])
    page.get_by_label("Severity").select_option("")
    page.get_by_label("Group by").select_option("groupRule")
    expect(page.locator(".group")).to_contain_text(["Speeding", "Bin overflow", "Illegal dumping"])
    page.get_by_label("Group by").select_option("groupNone")
    page.get_by_label("State").select_option("stateHandled")
    expect(page.locator(".empty").first).to_have_text("No alert matches the filter")
    assert watched.faults == []


def test_several_alerts_are_shelved_at_once_and_the_shelf_is_ended(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = seated(watched)
    expect(page.locator(".row").first).to_contain_text(DUMPED.en)
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator(".marked")).to_contain_text("2 marked")
    ask(page, "z")
    page.get_by_label("Reason").fill("patrol is there")
    page.keyboard.press("Enter")
    expect(page.locator(".row.shelved")).to_have_count(2)
    shelves = desk.get("/api/v1/shelves")
    assert {(shelf["rule"], shelf["subject"], shelf["shelved_by"], shelf["reason"]) for shelf in shelves} == {
        ("illegal_dumping", "truck-005", "li.wei", "patrol is there"),
        ("bin_overflow", "point-010", "li.wei", "patrol is there"),
    }
    page.get_by_role("button", name="End shelf").click()
    expect(page.locator(".row.shelved")).to_have_count(1)
    assert watched.faults == []


def test_on_a_phone_each_panel_fits_and_works_in_chinese(chromium_with_map: Browser, shared_desk: Installation) -> None:
    phone = {"width": 360, "height": 740}
    watched = sit_down(chromium_with_map, shared_desk, "zh-CN", viewport=phone, has_touch=True, is_mobile=True)
    page = watched.open()
    page.locator(".row button").first.tap()
    expect(page.locator(".case h2")).to_contain_text(DUMPED.zh)
    for name in ("告警队列", "地图", "告警详情", "案件", "全城", "数据", "规则", "通知"):
        page.locator(".panel-bar button", has_text=name).tap()
        shown = (
            page.locator(".map canvas, .rows, .case, .cases, .city, .data, .rules, .notices, .empty")
            .locator("visible=true")
            .first
        )
        expect(shown).to_be_visible()
        width, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert (width, height) == (360, 740), name
        assert serious_faults(page) == [], name
    page.locator(".panel-bar button", has_text="地图").tap()
    box = page.locator(".map canvas").bounding_box()
    assert box is not None
    assert (box["width"], box["height"] > 400) == (360, True)
    words = page.locator("body").inner_text()
    assert "undefined" not in words
    assert watched.faults == []


def test_axe_finds_no_serious_fault_in_any_panel_or_dialog(chromium: Browser, shared_desk: Installation) -> None:
    watched = sit_down(chromium, shared_desk)
    page = seated(watched)
    page.keyboard.press("j")
    expect(page.locator(".chart canvas")).to_have_count(3)
    for language in ("en", "zh-CN"):
        for panel in "4563":
            page.keyboard.press(panel)
            assert serious_faults(page) == [], (language, panel)
        page.keyboard.press("x")
        assert serious_faults(page) == [], (language, "a row is marked")
        for key in "?ascez":
            ask(page, key)
            assert serious_faults(page) == [], (language, key)
            page.keyboard.press("Escape")
            expect(page.locator("dialog")).to_have_count(0)
        page.keyboard.press("x")
        page.keyboard.press("l")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if language == "en" else "en")
    assert watched.faults == []


def test_a_case_is_printed_as_a_page_with_its_map_and_reached_by_its_link(
    chromium_with_map: Browser, shared_desk: Installation
) -> None:
    alert_id = shared_desk.get("/api/v1/alerts?rule=illegal_dumping")["items"][0]["alert_id"]
    watched = sit_down(chromium_with_map, shared_desk)
    page = watched.open(f"/#alert={alert_id}")
    expect(page.locator(".case h2")).to_contain_text(DUMPED.en)
    expect(page.locator(".chart canvas")).to_have_count(3)
    page.emulate_media(media="print")
    expect(page.locator(".queue")).to_be_hidden()
    expect(page.locator(".map")).to_be_hidden()
    expect(page.locator(".case .buttons")).to_be_hidden()
    colour, ground = page.evaluate(
        "[getComputedStyle(document.querySelector('.case')).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (colour, ground) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    height = page.evaluate("document.querySelector('.case').scrollHeight - document.querySelector('main').clientHeight")
    assert height <= 1, "nothing of the case is cut off"
    page.pdf()
    expect(page.locator("img.paper-only")).to_have_attribute("src", re.compile("^data:image/png;base64,.{1000}"))
    assert watched.faults == []


def test_a_wrong_token_is_called_wrong_and_what_is_locked_is_not_called_empty(
    chromium: Browser, install: Callable[..., Installation]
) -> None:
    variables = {"HAULWATCH_API_READ_TOKEN": READ_TOKEN, "HAULWATCH_API_TOKEN": WRITE_TOKEN}
    locked = install("locked", HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}", **variables)
    locked.import_city()
    locked.start_api()
    page = sit_down(chromium, locked).open()
    expect(page.locator("dialog")).to_contain_text("Please sign in")
    expect(page.locator(".rows")).to_contain_text("Not shown: this server requires that you sign in")
    page.get_by_role("button", name="Token", exact=True).click()
    page.get_by_label("Your name").fill("li.wei")
    page.get_by_label("Token", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("dialog [role=alert]")).to_have_text("This token is not valid here")
    assert "No alerts yet" not in page.locator("body").inner_text()
    page.get_by_label("Token", exact=True).fill(READ_TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator(".rows")).to_contain_text("No alerts yet")
    expect(page.locator(".clock")).to_contain_text("GMT+8")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_who_may_only_read_sees_no_button_to_act_and_no_key_acts(chromium: Browser, shared_desk: Installation) -> None:
    watched = sit_down(chromium, shared_desk)
    page = watched.open()
    expect(page.locator(".row")).to_have_count(OLDER + 2)
    page.keyboard.press("j")
    expect(page.locator(".case h2")).to_contain_text(DUMPED.en)
    expect(page.locator(".case")).to_contain_text("You may read only")
    without = "The map needs WebGL, which this browser does not offer. Everything else works."
    expect(page.locator(".map")).to_have_text(without)  # and no button and no key of a map
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert page.locator(".row input").count() == 0
    for key in "ascez":
        page.keyboard.press(key)
        assert page.locator("dialog").count() == 0
    assert watched.faults == []


def test_a_queue_without_end_is_read_to_its_end_and_never_fills_the_page(chromium: Browser, desk: Installation) -> None:
    most, page_of = 2_000, 100
    total = OLDER + 2 + most
    hour = 3_600_000
    write_changes(
        f"sqlite:///{desk.folder / 'haulwatch.db'}",
        [
            change(
                "speeding", f"truck-{1 + n % 20:03}", NOW - (OLDER + 1 + n) * hour,
                Text(en=f"Long ago {n}", zh=f"很久以前{n}"), severity=Severity.P4, closed_at=NOW - hour,
            )
            for n in range(most)
        ],
    )  # fmt: skip
    watched = sit_down(chromium, desk)
    page = watched.open()
    expect(page.locator(".row")).to_have_count(page_of)
    more = page.locator("button.more")  # by its role, Playwright would name the buttons of all rows: 14 s of a core

    def has_read(count: int) -> bool:
        page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        return page.locator(".row").count() >= count

    for count in range(page_of, most + 1, page_of):
        until(partial(has_read, count), f"{count} alerts are shown", every_s=0.2)
    expect(more).to_have_text("Show older ones in place of these")
    expect(page.locator(".row")).to_have_count(most)
    # The text as it stands there: of a row that is not in sight yet, nothing is drawn.
    expect(page.locator(".row .title").last).to_have_text(f"Long ago {most - OLDER - 2 - 1}")
    more.click()
    expect(page.locator(".row .title").first).to_have_text(f"Long ago {most - OLDER - 2}")
    record(desk, [change("speeding", "truck-003", NOW + 1, Text(en="Now", zh="现在"), severity=Severity.P2)])

    def is_at_the_end() -> bool:
        page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        return page.locator(".row .title").last.text_content() == f"Long ago {most - 1}"

    until(is_at_the_end, "the oldest alert is read", every_s=0.2)
    expect(page.locator(".row")).to_have_count(total - most)
    expect(more).to_have_text("Back to the newest")
    more.click()
    expect(page.locator(".row").first).to_contain_text("Now")
    expect(page.locator(".row")).to_have_count(page_of)
    assert watched.faults == []
