"""Cases in a real browser: alerts are taken up, what lies near is joined, a photo is added; a case ends and goes on."""

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from api.console.pages import BUILT
from rules.alerts.model import Severity, Text
from tests.e2e.desk import (
    CHROMIUM,
    DUMPED,
    FULL,
    NOW,
    PATIENCE_MS,
    TRUCK,
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
from tests.rules.attachments.pictures import photo
from tests.servers import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
PASSWORD: Final = "four words of a sentence"
PHONE: Final = {"width": 360, "height": 740}
LATER: Final = Text(en="Tipped once more at the same place", zh="同一地点再次倾倒")
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    variables = {"HAULWATCH_API_TOKEN": WRITE_TOKEN, "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}
    variables["USER_PASSWORD"] = PASSWORD
    made = Installation(tmp_path_factory.mktemp("cases") / "desk", variables, loaded=True)
    seed(made)
    record(made, [change("illegal_dumping", TRUCK, NOW + 90_000, LATER, severity=Severity.P2)])
    made.start_api()
    yield made
    made.close()


def press(page: Page, button: str, reason: str = "", label: str = "Reason") -> None:
    """Press a button of the case, give the reason that its dialog asks for, and wait until it is done."""
    page.get_by_role("toolbar", name="Cases").get_by_role("button", name=button, exact=True).click()
    confirm(page, button, reason, label)


def confirm(page: Page, button: str, reason: str, label: str = "Reason") -> None:
    dialog = page.locator("dialog")
    if reason:
        dialog.get_by_label(label).fill(reason)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def test_alerts_are_taken_up_worked_on_closed_and_taken_up_again(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = watched.open()
    expect(page.locator(".row").first).to_be_visible()
    page.keyboard.press("t")
    page.keyboard.press("8")
    expect(page.locator(".cases")).to_contain_text("No case waits")
    assert page.get_by_role("button", name="New case").count() == 0  # nobody has signed in
    sign_in(page)
    take_up(page)
    case = page.locator(".case-file")
    expect(case).to_contain_text(re.compile(r"\d{4}-000001"))
    expect(case.locator("h2")).to_have_text("Dump at the brickworks")
    expect(case).to_contain_text(re.compile(r"due in \d d"))
    expect(case.locator(".joined").first).to_contain_text(DUMPED.en)
    expect(case.locator(".history")).to_contain_text(f"li.wei added alert {DUMPED.en}")
    assert serious_faults(page) == []

    page.get_by_role("button", name=f"Remove: {FULL.en}").click()
    confirm(page, "Remove", "another matter")
    expect(case.locator(".history")).to_contain_text("another matter")
    join_what_lies_near(page)
    add_a_photo(page)
    press(page, "Begin")
    expect(case).to_contain_text("in progress")
    press(page, "Assign")
    press(page, "Comment", "12 t of spoil, photographed", "Note")
    press(page, "Set deadline", "laboratory needs a week")
    expect(case.locator(".history q").last).to_have_text("laboratory needs a week")
    press(page, "Close case", "fined 5,000")
    expect(case).to_contain_text("closed: confirmed violation")
    handled = desk.get("/api/v1/alerts?handled=true")["items"]
    assert {(one["title"]["en"], one["outcome"]) for one in handled} == {
        (DUMPED.en, "confirmed_violation"), (LATER.en, "confirmed_violation"),
    }  # fmt: skip
    look_at_the_list(page)
    press(page, "Reopen", "the haulier appealed")
    expect(case).to_contain_text("due in")
    [shown] = desk.get("/api/v1/cases")["items"]
    assert (shown["state"], shown["reopened"], shown["assignee"]) == ("open", 1, "li.wei")
    assert watched.faults == []


def take_up(page: Page) -> None:
    """The dump and the full bin, marked in the queue, by keyboard."""
    for title in (DUMPED.en, FULL.en):
        page.get_by_label(f"mark for acting on several: {title}").check()
    page.keyboard.press("Control+Shift")  # the focus may stay on the box
    page.locator(".row button").first.focus()
    page.keyboard.press("t")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text(FULL.en)
    assert serious_faults(page) == []
    dialog.get_by_label("Title").fill("Dump at the brickworks")
    dialog.get_by_role("button", name="Take up").click()
    expect(dialog).to_have_count(0)


def join_what_lies_near(page: Page) -> None:
    """The second dump is proposed, with the truck that stood there; a person joins it."""
    near = page.locator(".near")
    near.get_by_role("button", name="Look").click()
    expect(near.locator(".joined").first).to_contain_text(LATER.en)
    expect(near.locator(".joined").last).to_contain_text("晋E·D0105")
    assert serious_faults(page) == []
    near.get_by_role("button", name=f"Add to the case: {LATER.en}").click()
    confirm(page, "Add to the case", "")
    expect(page.locator(".case-file .joined").first).to_contain_text(LATER.en)
    near.get_by_role("button", name="Track: 晋E·D0105").click()
    expect(page.locator(".replay-bar")).to_contain_text("晋E·D0105")
    page.locator(".replay-bar").get_by_role("button", name="Close").click()


def add_a_photo(page: Page) -> None:
    files = page.locator(".case-file .attachments")
    photo_of_it = FilePayload(name="heap.jpg", mimeType="image/jpeg", buffer=photo())
    files.locator("input[multiple]").set_input_files(photo_of_it)
    expect(files).to_contain_text("Photos and documents (1)")


def look_at_the_list(page: Page) -> None:
    """The closing rate counts it, the filter finds it, its address opens it."""
    page.get_by_role("button", name="All cases").click()
    cases = page.locator(".cases")
    expect(cases.locator(".tiles")).to_contain_text("closing rate100 %")
    expect(cases).to_contain_text("No case waits")
    cases.get_by_label("State").select_option("closed")
    expect(cases.locator(".case-list li")).to_have_count(1)
    cases.get_by_label("overdue only").check()
    expect(cases.locator(".case-list li")).to_have_count(0)
    cases.get_by_label("overdue only").uncheck()
    cases.locator(".case-list button").first.click()
    address = page.evaluate("location.hash")
    assert re.fullmatch(r"#case=\d{4}-000001", address)
    page.reload()
    expect(page.locator(".case-file h2")).to_have_text("Dump at the brickworks")


def test_a_photo_is_added_to_an_alert_looked_at_and_removed_with_a_reason(
    chromium: Browser, desk: Installation
) -> None:
    watched = sit_down(chromium, desk)
    page = seated(watched)
    page.get_by_label("State").select_option("stateAll")
    page.locator(".row button", has_text=FULL.en).click()
    files = page.locator(".attachments")
    expect(files).to_contain_text("Photos and documents (0)")
    name = "现场照片.jpg"
    wrong = FilePayload(name="page.html", mimeType="text/html", buffer=b"<script>alert(1)</script>")
    right = FilePayload(name=name, mimeType="image/jpeg", buffer=photo())
    files.locator("input[multiple]").set_input_files([wrong, right])
    expect(files).to_contain_text("Photos and documents (1)")
    expect(files.get_by_role("alert")).to_contain_text("page.html")
    expect(files.locator("img")).to_have_js_property("complete", True)
    assert files.locator("img").evaluate("img => img.naturalWidth") > 0
    with page.expect_download() as download:
        files.get_by_role("button", name=f"Download: {name}").click()
    assert download.value.suggested_filename == name
    assert serious_faults(page) == []
    files.get_by_role("button", name=f"Remove: {name}").click()
    confirm(page, "Remove", "shows somebody's face")
    expect(files).to_contain_text("removed by li.wei")
    expect(files).to_contain_text("shows somebody's face")
    assert [fault for fault in watched.faults if "422" not in fault] == []


def test_cases_fit_a_phone_in_chinese_and_are_printed(chromium_with_map: Browser, desk: Installation) -> None:
    opened = httpx.post(
        f"http://127.0.0.1:{desk.api_port}/api/v1/cases",
        headers={"Authorization": f"Bearer {WRITE_TOKEN}"},
        json={"title": "砖厂后的土堆", "actor": "li.wei"},
        timeout=PATIENCE_MS / 1_000,
    )
    assert opened.status_code == 201, opened.text
    watched = sit_down(chromium_with_map, desk, "zh-CN", viewport=PHONE, has_touch=True, is_mobile=True)
    page = watched.open()
    page.locator(".panel-bar button", has_text="案件").tap()
    expect(page.locator(".cases")).to_contain_text("办结率")
    for shown in (".cases", ".case-file"):
        expect(page.locator(shown)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.evaluate("document.querySelector('.right').scrollWidth") == PHONE["width"]
        assert serious_faults(page) == []
        assert "undefined" not in page.locator("body").inner_text()
        if shown == ".cases":
            page.locator(".case-list button").first.tap()
    expect(page.locator(".case-file")).to_contain_text("办理期限")
    page.emulate_media(media="print")
    expect(page.locator(".case-file h2")).to_be_visible()
    expect(page.locator(".case-file .back")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.case-file')).color") == "rgb(0, 0, 0)"
    assert watched.faults == []


def test_a_call_is_typed_in_and_who_called_is_opened_for_an_administrator_who_says_why(
    chromium: Browser, desk: Installation
) -> None:
    """The last of this desk: from now on it has an account."""
    assert desk.run("report", "key").returncode == 0
    added = desk.run("user", "add", "zhao", "administrator")
    assert added.returncode == 0, added.stderr
    watched = sit_down(chromium, desk)
    page = watched.open()
    dialog = page.locator("dialog")
    dialog.get_by_label("Name").fill("zhao")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    with page.expect_navigation():  # the page loads again, and what is typed before that is lost
        dialog.get_by_role("button", name="Enter").click()
    expect(page.locator("header .person")).to_have_text("zhao")
    page.keyboard.press("8")
    page.get_by_role("button", name="Hotline report").click()
    dialog.get_by_label("What was seen").fill("两辆渣土车在砖厂后面倒土")
    dialog.get_by_label("Address").fill("砖厂后面")
    dialog.get_by_label("Latitude").fill("35.52")
    dialog.get_by_label("Longitude").fill("112.86")
    dialog.get_by_label("Name").fill("王某")
    dialog.get_by_label("Telephone or mail").fill("13800000000")
    assert serious_faults(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("The report is kept")
    expect(dialog).to_contain_text("R-000001")
    assert re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", dialog.inner_text())
    dialog.get_by_role("button", name="Open case").click()

    case = page.locator(".case-file")
    expect(case).to_contain_text("report of the public")
    expect(case.locator("blockquote")).to_have_text("两辆渣土车在砖厂后面倒土")
    case.get_by_role("button", name="Who reported").click()
    dialog.get_by_label("Reason").fill("asks for the second truck")
    assert "王某" not in page.locator("body").inner_text()
    dialog.get_by_role("button", name="Look").click()
    expect(dialog).to_contain_text("王某")
    expect(dialog).to_contain_text("13800000000")
    assert serious_faults(page) == []
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    looks = [entry for entry in desk.json("audit") if entry["action"].endswith("/informant/look")]
    assert [(entry["actor"], "asks for the second truck" in entry["target"]) for entry in looks] == [("zhao", True)]
    assert [fault for fault in watched.faults if "status of 401" not in fault] == []
