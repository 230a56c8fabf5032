"""Notices in a real browser: an alert that a program was told of and a mail server was not."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from api.console.pages import BUILT
from tests.e2e.console.told import desk_with_notices
from tests.e2e.desk import CHROMIUM, DUMPED, PATIENCE_MS, serious_faults, sign_in, sit_down
from tests.ingest.notices.services import Program
from tests.installation import Installation

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
PHONE: Final = {"width": 360, "height": 740}
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Program]]:
    with desk_with_notices(tmp_path_factory.mktemp("told") / "desk") as found:
        yield found


def test_what_was_sent_what_fails_and_why_is_seen_and_a_channel_is_tested(
    chromium: Browser, told: tuple[Installation, Program]
) -> None:
    desk, program = told
    watched = sit_down(chromium, desk)
    page = watched.open()
    page.keyboard.press("7")
    expect(page.locator(".right")).to_contain_text("sign in as an operator")
    sign_in(page)
    page.keyboard.press("7")
    notices, channel = page.locator(".notices"), page.locator(".channels > li")
    expect(notices).to_contain_text("Notice rules 1")
    expect(channel).to_have_count(3)
    expect(channel.nth(0)).to_contain_text("sent1")
    expect(channel.nth(1)).to_contain_text("cannot be reached")
    expect(channel.nth(2)).to_contain_text("HAULWATCH_SECRET_FEISHU is not set")
    expect(notices).to_contain_text("Not acknowledged for 10 min: on duty: night")
    expect(notices).to_contain_text("li@example.com")  # the token of the settings may do everything
    expect(page.locator(".outbox > li")).to_have_count(2)
    page.get_by_label("State").last.select_option("outboxSent")
    expect(page.locator(".outbox > li")).to_have_count(1)
    expect(page.locator(".outbox > li")).to_contain_text("dispatch → the program, naming 李明 · sent")
    assert serious_faults(page) == []

    send_tests(page, desk, program)
    page.locator(".outbox button").first.click()
    expect(page.locator(".case h2")).to_contain_text(DUMPED.en)
    lines = page.locator(".alert-notices li")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("new alert · dispatch → the program, naming 李明 · sent")
    expect(lines.nth(1)).to_contain_text("cannot be reached")
    lines.nth(0).locator("summary").click()
    expect(lines.nth(0).locator("pre")).to_contain_text("https://haulwatch.example/#alert=")
    assert serious_faults(page) == []

    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.keyboard.press("l")
    page.locator(".panel-bar button", has_text="通知").click()
    expect(notices).to_contain_text("10分钟无人确认")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("document.querySelector('.right').scrollWidth") == PHONE["width"]
    assert "undefined" not in page.locator("body").inner_text()
    assert serious_faults(page) == []
    assert watched.faults == []


def send_tests(page: Page, desk: Installation, program: Program) -> None:
    """By a channel that works and by one that cannot; the trail keeps why and what came of it."""
    page.get_by_role("button", name="Test: dispatch").click()
    dialog = page.locator("dialog")
    assert serious_faults(page) == []
    dialog.get_by_label("Reason").fill("   ")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_visible()  # a reason of spaces is none
    dialog.get_by_label("Reason").fill("new dispatch server")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator(".notice")).to_contain_text("dispatch: the service has confirmed it")
    assert program.taken[-1].json["type"] == "test"
    page.get_by_role("button", name="Test: office").click()
    dialog.get_by_label("Reason").fill("is it set?")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not sent: HAULWATCH_SECRET_FEISHU is not set")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    tests = [entry for entry in trail(desk) if entry["action"].endswith("/test")]
    assert {entry["target"] for entry in tests} == {"dispatch new dispatch server sent", "office is it set? not_sent"}


def trail(desk: Installation) -> list[dict[str, str]]:
    found: list[dict[str, str]] = desk.json("audit")
    return found
