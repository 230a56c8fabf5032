"""Accounts in a real browser: the first one, signing in by keyboard, limits, the password, and the city's sign-on."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from api.console.pages import BUILT
from rules.alerts.model import Severity, Text
from tests.closing import closed_later
from tests.e2e.desk import (
    CHROMIUM,
    DESKTOP,
    DUMPED,
    NOW,
    OLDER,
    PATIENCE_MS,
    Watched,
    change,
    dump_at,
    record,
    seed,
    serious_faults,
)
from tests.installation import Installation
from tests.servers import free_port
from tests.servers.identity_provider import IdentityProvider, prepared_provider

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
PASSWORD: Final = "four words of a sentence"
NEW_PASSWORD: Final = "另外四个词 of a sentence"
DISTRICT: Final = "gaoping"
OWN_POINT: Final = "point-019"
"""In this district; all trucks of the demonstration city are of another one."""
FULL: Final = Text(en="Paper is full in Gaoping", zh="高平纸类已满溢")
FULL_AGAIN: Final = Text(en="Glass is full in Gaoping", zh="高平玻璃已满溢")
MAPPING: Final = """\
roles:
  - {group: officers, role: officer}
  - {group: district-officers, role: officer, districts: claim}
"""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def desk(install: Callable[..., Installation]) -> Installation:
    """A city with alerts, of which one is of DISTRICT; nobody has an account, and nothing runs."""
    made = install("accounts", HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}", USER_PASSWORD=PASSWORD)
    seed(made)
    record(made, [change("bin_overflow", OWN_POINT, NOW - 300_000, FULL, severity=Severity.P2)])
    return made


def sit_down(
    chromium: Browser, desk: Installation, locale: str = "en-US", elsewhere: str = "-", *, phone: bool = False
) -> Watched:
    size = {"width": 400, "height": 800} if phone else DESKTOP
    context = closed_later(
        chromium.new_context(locale=locale, viewport=size, ignore_https_errors=True)  # type: ignore[arg-type]
    )
    return Watched(context, f"http://127.0.0.1:{desk.api_port}", elsewhere)


ALWAYS_FRESH: Final = """() => {
  const style = new CSSStyleSheet();
  style.replaceSync(".row { animation: arrive 1000s linear paused !important; }");
  document.adoptedStyleSheets = [style];
}"""
"""All rows keep the ground of the moment in which they arrive, on which their text has least contrast."""


def type_in(page: Page, name: str, password: str) -> None:
    """Name and password without a mouse: the dialog has the focus in its first field."""
    page.locator("dialog input").first.focus()
    for text, key in ((name, "Tab"), (password, "Enter")):
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press(key)


def is_signed_in(page: Page, shown: str) -> None:
    expect(page.locator("header .person")).to_have_text(shown)
    expect(page.locator(".live.on")).to_be_visible()


def rows(page: Page) -> list[str]:
    return page.locator(".row .title").all_inner_texts()


def acknowledge(page: Page, title: str) -> None:
    page.locator(".row button", has_text=title).click()
    page.keyboard.press("a")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".row", has_text=title)).to_contain_text("✓")


def own_faults(watched: Watched) -> list[str]:
    """Without refusals (401, 422), which a browser writes down as errors."""
    return [fault for fault in watched.faults if "status of 4" not in fault]


def test_people_with_accounts_sign_in_by_keyboard_see_what_is_theirs_and_each_others_actions(
    chromium: Browser, desk: Installation
) -> None:
    assert desk.run("user", "add", "li.wei", "officer", "--display-name", "李伟").returncode == 0
    assert desk.run("user", "add", "zhao", "officer", "--district", DISTRICT).returncode == 0
    desk.start_api()
    whole, limited = sit_down(chromium, desk), sit_down(chromium, desk, "zh-CN")
    page, other = whole.open(), limited.open()
    for one, prompt, wrong in (
        (page, "Please sign in", "Name or password is wrong"),
        (other, "请先登录", "用户名或密码错误"),
    ):
        expect(one.locator("dialog")).to_contain_text(prompt)
        assert rows(one) == []
        assert serious_faults(one) == []
        type_in(one, "li.wei", "not this one, certainly")
        expect(one.locator("dialog [role=alert]")).to_have_text(wrong)
    type_in(page, "li.wei", PASSWORD)
    is_signed_in(page, "李伟")
    type_in(other, "zhao", PASSWORD)
    is_signed_in(other, "zhao")

    expect(page.locator(".row").first).to_contain_text(DUMPED.en)
    expect(page.locator(".row")).to_have_count(OLDER + 3)
    expect(other.locator(".row")).to_have_count(1)
    expect(other.locator(".row")).to_contain_text(FULL.zh)
    acknowledge(page, FULL.en)
    expect(other.locator(".row")).to_contain_text("✓")
    again = change("bin_overflow", OWN_POINT, NOW + 60_000, FULL_AGAIN, severity=Severity.P2)
    record(desk, [dump_at(NOW + 30_000), again])
    expect(other.locator(".row .title")).to_have_text([FULL_AGAIN.zh, FULL.zh])  # not the dump of another district
    for panel in "45":
        other.keyboard.press(panel)
        expect(other.locator(".city, .data").first).to_be_visible()
        assert "truck-" not in other.locator(".right").inner_text()

    page.evaluate(ALWAYS_FRESH)
    assert serious_faults(page) == []
    page.locator("header .person").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("李伟 · li.wei · officer")
    expect(dialog).to_contain_text("Sees: Whole city")
    assert serious_faults(page) == []
    for old, new, repeated, role, said in (
        ("not this one, certainly", NEW_PASSWORD, NEW_PASSWORD, "alert", "The present password is wrong"),
        (PASSWORD, NEW_PASSWORD, "another", "alert", "The two new passwords differ"),
        (PASSWORD, "short", "short", "alert", "Give 12 to 256 characters"),
        (PASSWORD, NEW_PASSWORD, NEW_PASSWORD, "status", "The new password holds"),
    ):
        dialog.locator("input").first.focus()
        for text, key in ((old, "Tab"), (new, "Tab"), (repeated, "Enter")):
            page.keyboard.press("Control+A")
            page.keyboard.type(text)
            page.keyboard.press(key)
        expect(dialog.locator(f"form [role={role}]")).to_contain_text(said)
    page.evaluate("localStorage.setItem('left', 'behind')")
    dialog.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text("Please sign in")
    assert page.evaluate("localStorage.getItem('left')") is None, "Clear-Site-Data"
    assert rows(page) == []
    type_in(page, "li.wei", PASSWORD)
    expect(page.locator("dialog [role=alert]")).to_have_text("Name or password is wrong")
    type_in(page, "li.wei", NEW_PASSWORD)
    is_signed_in(page, "李伟")
    assert own_faults(whole) == own_faults(limited) == []


@pytest.fixture
def provider(desk: Installation, tmp_path: Path) -> IdentityProvider:
    """The city's sign-on, not running yet; the desk is set up for it."""
    found = prepared_provider(tmp_path / "provider", f"http://127.0.0.1:{desk.api_port}")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    desk.environment |= found.settings(mapping)
    found.know(
        **{
            "1": {"name": "李伟", "preferred_username": "li.wei", "groups": ["officers"]},
            "2": {
                "name": "Wang Fang",
                "preferred_username": "wang",
                "groups": ["district-officers"],
                "districts": [DISTRICT],
            },
            "3": {"name": "Sun", "preferred_username": "sun", "groups": ["canteen"]},
        }
    )
    return found


def sign_on(page: Page, button: str, subject: str) -> None:
    """By the button, and on the provider's own page."""
    link = page.locator("dialog a", has_text=button)
    link.focus()
    page.keyboard.press("Enter")
    page.locator("input[name=login]").fill(subject)
    page.locator("input[name=password]").fill("any")
    page.keyboard.press("Enter")


def test_people_of_the_city_s_sign_on_sign_in_and_out_there(
    chromium: Browser, desk: Installation, provider: IdentityProvider
) -> None:
    assert desk.run("user", "add", "root", "administrator").returncode == 0
    desk.start_api()
    whole = sit_down(chromium, desk, "en-US", provider.issuer)
    limited, nobody = (sit_down(chromium, desk, "zh-CN", provider.issuer, phone=True) for _ in range(2))
    page, other, third = whole.open(), limited.open(), nobody.open()
    page.locator("dialog a", has_text="City sign-on").click()  # it does not run yet
    expect(page.locator("dialog [role=alert]")).to_contain_text("sign-on does not answer")
    assert page.url.endswith("/"), "the reason does not stay in the address"
    type_in(page, "root", PASSWORD)
    is_signed_in(page, "root")

    with provider.running():
        desk.until(lambda: went_there(other, provider), "the failure is forgotten, and the browser is sent there")
        [found] = desk.json("doctor", "sign-on")["checks"]
        assert (found["status"], found["detail"].partition(" ")[0]) == ("ok", provider.issuer)
        other.goto(f"http://127.0.0.1:{desk.api_port}/")
        sign_on(other, "统一身份认证", "2")
        is_signed_in(other, "Wang Fang")
        expect(other.locator(".row")).to_have_count(1)
        sign_on(third, "统一身份认证", "3")
        expect(third.locator("dialog [role=alert]")).to_contain_text("没有角色")
        assert rows(third) == []

        page.locator("header .person").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("dialog")).to_contain_text("Please sign in")
        sign_on(page, "City sign-on", "1")
        is_signed_in(page, "李伟")
        expect(page.locator(".row")).to_have_count(OLDER + 3)
        acknowledge(page, FULL.en)
        expect(other.locator(".row")).to_contain_text("✓")

        page.locator("header .person").click()
        expect(page.locator("dialog")).to_contain_text("kept by the city's sign-on")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Yes, sign me out").click()  # the provider's own page
        expect(page.locator("dialog")).to_contain_text("Please sign in")
        assert page.url == f"http://127.0.0.1:{desk.api_port}/"
        page.locator("dialog a", has_text="City sign-on").click()
        expect(page.locator("input[name=login]")).to_be_visible()  # it asks anew: the session there is over too
    accounts = {one["name"]: (one["role"], one["districts"]) for one in desk.json("user", "list")}
    assert accounts == {
        "root": ("administrator", None), "li.wei": ("officer", None), "wang": ("officer", [DISTRICT]),
    }  # fmt: skip
    assert [own_faults(one) for one in (whole, limited, nobody)] == [[], [], []]


def went_there(page: Page, provider: IdentityProvider) -> bool:
    page.goto(page.url.partition("#")[0])
    page.locator("dialog a", has_text="统一身份认证").click()
    page.wait_for_url(lambda url: url.startswith(provider.issuer) or "sign-on=" not in url)
    return page.url.startswith(provider.issuer)
