"""Data health, rules, weighings and replay in a real browser, on one running desk."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from api.console.pages import BUILT
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.readings.instants import now_ms
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from tests.e2e.desk import (
    CHROMIUM,
    DUMPED,
    NOW,
    PATIENCE_MS,
    WRITE_TOKEN,
    seed,
    serious_faults,
    sign_in,
    sit_down,
)
from tests.installation import Installation
from tests.rules.town import T0, fills
from tests.servers import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
LEVELS: Final = (50, 92, 92, 92, 92, 50, 50, 50)
"""A compartment that is full for 20 minutes: one alert by the rules as shipped, none at 97 %."""
STORED: Final = len(LEVELS) + 3
LETTERS: Final = 4
"""Dead letters before anybody has redriven one."""
PHONE: Final = {"width": 360, "height": 740}
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A city with a recorder: three readings of an unregistered point, one broken message, one full compartment."""
    variables = {"HAULWATCH_API_TOKEN": WRITE_TOKEN, "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}
    made = Installation(tmp_path_factory.mktemp("mends") / "desk", variables, loaded=True)
    seed(made)
    readings = fills(LEVELS, point="point-001", every_s=300)
    messages = [RawMessage(reading_topic(r.device_id, r.kind), encode(r), r.ts + 500) for r in readings]
    messages += tickets()
    now = now_ms()  # dead letters are kept for 30 days
    for second in range(3):
        payload = json.dumps({"ts": T0 + second * 1_000, "seq": second, "fill_pct": 40}).encode()
        messages.append(RawMessage("haulwatch/v1/point-900/fill", payload, now))
    messages.append(RawMessage("haulwatch/v1/point-002/fill", b"<script>alert('no')</script>", now))
    with closing(RawLog(made.folder / "raw")) as log:
        log.append(messages)
    made.start("record")
    made.start_api()
    made.until(lambda: made.get("/api/v1/ledger")["total"]["stored"] == STORED, "the recorder stores the readings")
    yield made
    made.close()


def tickets() -> list[RawMessage]:
    """A truck weighed loaded half an hour before its incident, twice with one ticket, and empty after it."""
    found = []
    for second, ticket, gross_kg in ((-1_800, "A-1", 27_500), (-1_780, "A-1", 27_500), (1_500, "A-2", 12_900)):
        ts = NOW + second * 1_000
        weighing = {"ts": ts, "gross_kg": gross_kg, "tare_kg": 12_500, "ticket": ticket, "direction": "in"}
        payload = json.dumps(weighing | {"plate": "晋E·D0105", "material": "spoil"}).encode()
        found.append(RawMessage("haulwatch/v1/weighbridge-01/weighing", payload, ts + 500))
    return found


def test_what_was_refused_is_looked_at_redriven_and_its_device_adopted(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = watched.open()
    page.keyboard.press("5")
    data = page.locator(".data")
    expect(data).to_contain_text("Every reading is accounted for · seen so since")
    expect(data).to_contain_text("point-900 · 3 readings wait")
    expect(page.get_by_role("button", name="Redrive")).to_have_count(0)  # nobody has signed in
    expect(page.get_by_role("button", name="Adopt")).to_have_count(0)
    sign_in(page)
    page.keyboard.press("5")

    page.get_by_role("button", name="broken JSON", exact=True).click()
    letter = page.locator(".letters li").first
    expect(letter).to_contain_text("<script>alert('no')</script>")
    page.get_by_role("button", name="Redrive: broken JSON").click()
    assert serious_faults(page) == []
    os.kill(desk.pid("record"), signal.SIGSTOP)  # it is refused again only after the page has looked
    page.locator("dialog").get_by_role("button", name="Redrive").click()
    expect(page.locator(".notice")).to_contain_text("1 redriven")
    expect(page.locator(".letters pre")).to_have_count(0)
    os.kill(desk.pid("record"), signal.SIGCONT)
    desk.until(lambda: letters(desk, "broken_json") == [LETTERS + 1], "it is refused again, as a letter of its own")
    page.get_by_role("button", name=f"Redrive: {LETTERS + 1}").click()
    expect(page.locator("dialog")).to_contain_text("Send this reading of point-002 through the path again?")
    expect(page.locator("dialog")).to_be_visible()  # only then does Escape close it
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Adopt: point-900").click()
    dialog = page.locator("dialog")
    expect(dialog.get_by_label("Role")).to_have_value("recycling_point")
    dialog.get_by_label("Role").select_option("truck")
    dialog.get_by_label("Vehicle (id)").fill("v-0000")
    dialog.get_by_role("button", name="Adopt").click()
    expect(dialog.get_by_role("alert")).to_contain_text("body.vehicle_id: vehicle 'v-0000' is not registered")
    dialog.get_by_label("Role").select_option("recycling_point")
    dialog.get_by_label("Site").select_option("recycling-001")
    dialog.get_by_label("District").select_option(index=1)
    assert serious_faults(page) == []
    dialog.get_by_role("button", name="Adopt").click()
    expect(page.locator(".notice")).to_contain_text("point-900 registered, 3 readings redriven")
    expect(page.locator(".unregistered")).to_contain_text("Unregistered devices (0)")
    expect(page.locator(".quarantine")).not_to_contain_text("unknown device")
    desk.until(lambda: desk.get("/api/v1/ledger")["total"]["stored"] == STORED + 3, "its readings are stored")
    desk.until(lambda: "point-900" in devices(desk), "the API looks at the registry again")
    registered = desk.get("/api/v1/devices/point-900")
    assert (registered["role"], registered["site_id"]) == ("recycling_point", "recycling-001")
    assert serious_faults(page) == []
    assert [fault for fault in watched.faults if "422" not in fault] == []


def devices(desk: Installation) -> set[str]:
    return {device["id"] for device in desk.get("/api/v1/devices?limit=500")["items"]}


def letters(desk: Installation, reason: str) -> list[int]:
    """Ids of those that wait."""
    return [letter["id"] for letter in desk.get(f"/api/v1/deadletters?reason={reason}")["items"]]


def test_a_rule_set_is_checked_tried_on_the_raw_log_and_applied(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = watched.open()
    page.keyboard.press("6")
    expect(page.locator(".rules")).to_contain_text("is for administrators")
    sign_in(page)
    page.keyboard.press("6")
    rules = page.locator(".rules")
    expect(rules).to_contain_text("The rule set as shipped")
    rules.locator("summary", has_text="Speeding").click()
    expect(rules.locator("details[open]")).to_contain_text("100 km/h")

    text = page.get_by_label("Rule set, YAML")
    text.fill("# levels\nbin_overflow:\n  warn_pct: 95\n  full: 97\n")
    findings = page.locator(".findings")
    expect(findings).to_contain_text("bin_overflow.full no such parameter: did you mean 'full_pct'?")
    expect(page.locator(".editor .fault")).to_have_text("4\n", use_inner_text=False)
    expect(page.get_by_role("button", name="Try")).to_be_disabled()
    findings.get_by_role("button", name="line 4").click()
    expect(text).to_be_focused()
    assert text.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "  full: 97"
    page.keyboard.type("  full_pct: 97")
    expect(findings).to_contain_text("No faults")
    expect(rules.locator(".differences")).to_contain_text("97 %")
    assert serious_faults(page) == []

    page.get_by_label("From GMT+8").fill("2026-09-21T22:00")
    page.get_by_label("To GMT+8", exact=True).fill("2026-09-22T02:00")
    page.get_by_role("button", name="Try").click()
    job = page.locator(".job")
    expect(job).to_contain_text("2 alerts by the rules that held, 1 by the others")
    expect(job.locator(".differ .lost")).to_contain_text("lost P3")
    assert serious_faults(page) == []

    page.get_by_role("button", name="Apply …").click()
    page.get_by_label("Reason").fill("sensors of this city read high")
    page.locator("dialog").get_by_role("button", name="Apply").click()
    expect(page.locator(".rules > .balance")).to_contain_text("sensors of this city read high")
    expect(page.locator(".versions")).to_contain_text("li.wei: sensors of this city read high")
    page.get_by_role("button", name="Compare").click()
    expect(rules.locator(".differences").first).to_contain_text("Bin overflow")
    [applied] = desk.get("/api/v1/rule-sets")
    assert (applied["version"], applied["applied_by"]) == (1, "li.wei")
    assert watched.faults == []


def test_a_case_shows_the_weighings_of_its_truck_and_which_of_them_count(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = watched.open()
    expect(page.locator(".row").first).to_contain_text(DUMPED.en)
    page.keyboard.press("j")
    expect(page.locator(".case h2")).to_contain_text(DUMPED.en)
    weighings = page.locator(".case .weighings li")
    expect(weighings).to_have_count(3)
    expect(page.locator(".case")).to_contain_text("Weighings (GMT+8)")
    expect(weighings.nth(0)).to_contain_text("Gross weight 12,900 kg · Tare 12,500 kg · Net 400 kg")
    expect(weighings.nth(1)).to_contain_text("21/09, 21:43:40")
    expect(weighings.nth(1)).to_contain_text("Ticket A-1 · in · spoil · repeated: does not count")
    expect(weighings.nth(2)).to_contain_text("Ticket A-1 · in · spoil · counts")
    assert serious_faults(page) == []
    assert watched.faults == []


def test_a_truck_is_replayed_by_device_time(chromium_with_map: Browser, desk: Installation) -> None:
    """The track of `tests.e2e.desk.track` is a straight line: 560 s before the incident at 35.5144, 112.8488."""
    watched = sit_down(chromium_with_map, desk)
    page = watched.open()
    expect(page.locator(".row").first).to_be_visible()
    page.keyboard.press("4")
    form = page.locator(".replay form")
    form.get_by_label("Plate or device").fill("晋E·D0105")
    form.get_by_label("From").fill("2026-09-21T21:58")
    form.get_by_label("To GMT+8").fill("2026-09-13T22:28")
    expect(form.get_by_role("alert")).to_contain_text("The start must lie before the end")
    form.get_by_label("To GMT+8").fill("2026-09-21T22:28")
    form.get_by_role("button", name="Show").click()
    bar = page.locator(".replay-bar")
    expect(bar).to_contain_text("21/09, 21:58:20 GMT+8")
    slider = bar.get_by_role("slider", name="Time shown")
    slider.fill(str(NOW - 560_000))
    expect(bar).to_contain_text("晋E·D0105 35.51440, 112.84880")
    bar.get_by_label("Speed").select_option("10")
    bar.get_by_role("button", name="Play").click()
    expect(bar).not_to_contain_text("35.51440, 112.84880")
    bar.get_by_role("button", name="Pause").press("Enter")
    expect(bar.get_by_role("button", name="Play")).to_be_visible()
    slider.press("Home")
    expect(bar).to_contain_text("21/09, 21:58:00")
    slider.press("End")
    expect(bar).to_contain_text("21/09, 22:28:00")
    assert serious_faults(page) == []
    bar.get_by_role("button", name="Close").click()
    expect(bar).to_have_count(0)

    form.get_by_label("trucks in the map's view").check()
    form.get_by_role("button", name="Show").click()
    expect(bar).to_contain_text("晋E·D0105")
    assert watched.faults == []


def test_city_data_and_rules_fit_a_phone_in_chinese(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk, "zh-CN", viewport=PHONE, has_touch=True, is_mobile=True)
    page = watched.open()
    for name, shown, words in (
        ("全城", ".city", "轨迹回放"),
        ("数据", ".data", "每条读数都有着落"),
        ("规则", ".rules", "现行规则"),
    ):
        page.locator(".panel-bar button", has_text=name).tap()
        expect(page.locator(shown)).to_contain_text(words)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.evaluate("document.querySelector('.right').scrollWidth") == PHONE["width"]
        assert serious_faults(page) == []
        assert "undefined" not in page.locator("body").inner_text()
    assert watched.faults == []
