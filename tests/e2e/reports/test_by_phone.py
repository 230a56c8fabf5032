"""Issue 17: a report placed by phone, joined to the dump near it, closed with an outcome; who sent it is read by an
administrator only, and each look is in the audit trail. Real processes and a real browser of a phone's size.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.instants import now_ms
from devices.readings.models import Position
from ingest.store.sqlite import SqliteStore
from tests.closing import closed_later
from tests.e2e.desk import AXE, CHROMIUM, PATIENCE_MS, TRUCK, Watched, dump_at, record, serious_faults
from tests.installation import Installation
from tests.points import point_of
from tests.rules.attachments.pictures import photo
from tests.servers import free_port
from tests.waiting import PATIENCE_S, until

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
PASSWORD: Final = "four words of a sentence"
NAME, CONTACT = "王某某", "138 0000 1234"
HERE: Final = {"latitude": 35.5205, "longitude": 112.8604, "accuracy": 12}
"""Some 60 m from the dump of `tests.e2e.desk`."""
PHONE: Final = {"viewport": {"width": 375, "height": 740}, "is_mobile": True, "has_touch": True}
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def office(install: Callable[..., Installation]) -> Installation:
    """A city where a truck tipped a quarter of an hour ago; the form is on, and two people have accounts."""
    made = install(
        "reports", HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}", USER_PASSWORD=PASSWORD,
        HAULWATCH_REPORT_FORM="on", HAULWATCH_REPORT_OFFICE="城管局", HAULWATCH_REPORT_HOTLINE="12345",
    )  # fmt: skip
    assert made.run("city", "import", "jincheng").returncode == 0
    assert made.run("report", "key").returncode == 0
    for name, role in (("li.wei", "officer"), ("zhao", "administrator")):
        assert made.run("user", "add", name, role).returncode == 0
    tipped_at = now_ms() - 900_000
    record(made, [dump_at(tipped_at)])
    drive = [
        Position(device_id=TRUCK, ts=tipped_at + second * 1_000, lat=35.52, lon=112.86 + second * 1e-6, speed_kmh=5.0)
        for second in range(-60, 60, 10)
    ]

    async def store() -> None:
        written = SqliteStore(made.folder / "readings.db")
        device = read_city(JINCHENG).devices[TRUCK]
        await written.write([point_of(reading, device) for reading in drive])
        await written.close()

    with ThreadPoolExecutor(1) as elsewhere:  # the browser's driver has the loop of this thread
        elsewhere.submit(lambda: asyncio.run(store())).result()
    made.start_api()
    return made


class Colleague:
    """Somebody who is signed in, without a browser."""

    def __init__(self, office: Installation, name: str) -> None:
        self._client = closed_later(
            httpx.Client(base_url=f"http://127.0.0.1:{office.api_port}/api/v1/", timeout=PATIENCE_S)
        )
        session = self._client.post("session", json={"name": name, "password": PASSWORD})
        self._client.headers["X-CSRF-Token"] = session.json()["csrf_token"]

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, **body: object) -> httpx.Response:
        return self._client.post(path, json=body)


def test_the_public_reports_by_phone(chromium: Browser, office: Installation) -> None:
    """Both stories in one installation, which takes longer to start than they do."""
    by_phone_joined_to_the_dump_and_closed(chromium, office)
    without_scripts_in_english_at_a_site(chromium, office)


def by_phone_joined_to_the_dump_and_closed(chromium: Browser, office: Installation) -> None:
    options: dict[str, Any] = {**PHONE, "locale": "zh-CN", "geolocation": HERE, "permissions": ["geolocation"]}
    context = chromium.new_context(**options)
    watched = Watched(context, f"http://127.0.0.1:{office.api_port}")
    page = watched.open("/report")
    number, code = reported(page)
    officer = Colleague(office, "li.wei")
    [report] = officer.get("reports")["items"]
    assert (report["number"], report["channel"], report["has_informant"]) == (number, "web", True)
    assert report["vehicle_id"] == read_city(JINCHENG).devices[TRUCK].vehicle_id
    [shown] = officer.get(f"reports/{number}/attachments")
    assert (shown["width"], shown["height"]) == (1_067, 1_600), "turned as the camera was held, and made smaller"
    assert shown["claims"] is None or set(shown["claims"].values()) == {None}, "neither place nor camera"

    case = f"cases/{report['case']}"
    near = officer.get(f"{case}/near")
    assert [one["alert"]["subject"] for one in near["alerts"]] == [TRUCK]
    assert 40 < near["alerts"][0]["distance_m"] < 90
    assert [one["device_id"] for one in near["trucks"]] == [TRUCK]
    version = officer.get(case)["case"]["version"]
    alert_id = near["alerts"][0]["alert"]["alert_id"]
    assert officer.post(f"{case}/alerts", alerts=[alert_id], version=version).status_code == 200
    assert "等待处理" in asked(page, number, code)
    closing = {"outcome": "confirmed_violation", "reason": "heap found, driver fined", "version": version + 1}
    assert officer.post(f"{case}/close", **closing).status_code == 200
    said = asked(page, number, code)
    assert "经查属实" in said
    assert "fined" not in said
    assert officer.get(f"alerts/{alert_id}")["alert"]["outcome"] == "confirmed_violation"
    assert [fault for fault in watched.faults if "status of 422" not in fault] == [], "but for a form sent too fast"
    paths = ("reports", "cases", case, f"alerts/{alert_id}", "alerts")
    nobody_else_reads_the_name(office, number, [page.content(), *(str(officer.get(path)) for path in paths)])


def reported(page: Page) -> tuple[str, str]:
    """Number and code of a report with position, plate, name and photo."""
    assert accessible(page)
    page.get_by_text("非法倾倒").click()
    page.get_by_label("具体情况").fill("一辆红色渣土车在砖厂后面倒土")
    page.get_by_role("button", name="使用当前位置").tap()
    expect(page.locator("#position-status")).to_contain_text("12米")
    page.get_by_label("车牌号").fill("晋e d0105")
    page.get_by_text("您的姓名和联系方式").click()
    page.get_by_label("姓名", exact=True).fill(NAME)
    page.get_by_label("电话或邮箱").fill(CONTACT)
    send(page)
    number, code = page.locator("#number").inner_text(), page.locator("#code").inner_text()
    assert accessible(page)
    picture = FilePayload(name="IMG_1.jpg", mimeType="image/jpeg", buffer=photo(size=(3_000, 2_000)))
    page.get_by_label("添加照片").set_input_files(picture)
    expect(page.locator("#photos [role=status]")).to_have_text("已添加照片：1张")
    return number, code


def nobody_else_reads_the_name(office: Installation, number: str, answers: Sequence[str]) -> None:
    officer, administrator = Colleague(office, "li.wei"), Colleague(office, "zhao")
    look = f"reports/{number}/informant/look"
    assert officer.post(look, reason="who was it").status_code == 403
    found = administrator.post(look, reason="asks where the heap is")
    assert found.json() == {"name": NAME, "contact": CONTACT}
    entries = office.json("audit", "--limit", "1000")
    looks = [(one["actor"], one["status"], one["target"]) for one in entries if one["action"].endswith("/look")]
    assert looks == [("zhao", 200, f"{number} asks where the heap is"), ("li.wei", 403, number)]
    for text in (*answers, str(entries), office.log("serve").read_text()):
        assert NAME not in text
        assert CONTACT not in text
    for file in office.folder.rglob("*"):
        if file.is_file():
            assert NAME.encode() not in file.read_bytes(), file


def without_scripts_in_english_at_a_site(chromium: Browser, office: Installation) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="en-GB", java_script_enabled=False)
    watched = Watched(context, f"http://127.0.0.1:{office.api_port}")
    page = watched.open("/report/spoil-nw-1")
    expect(page.get_by_role("button", name="use my position")).to_be_hidden()
    assert page.locator("html").bounding_box()["width"] <= 320  # type: ignore[index]
    page.get_by_text("Smell").click()
    page.get_by_label("What did you see?").fill("It smells\nof sludge")
    send(page)
    number, code = page.locator("#number").inner_text(), page.locator("#code").inner_text()
    assert "Received" in asked(page, number, code)
    report = Colleague(office, "li.wei").get(f"reports/{number}")
    assert (report["channel"], report["site_id"], report["text"]) == ("qr", "spoil-nw-1", "It smells\nof sludge")


def send(page: Page) -> None:
    """Send the form, and once more while it comes back because it was filled in faster than anybody reads."""

    def is_taken() -> bool:
        page.locator("form button[type=submit]").click()
        page.wait_for_load_state()
        return page.locator("#code").count() > 0

    until(is_taken)


def asked(page: Page, number: str, code: str) -> str:
    page.goto(re.sub(r"/report.*", "/report/state", page.url))
    page.locator("#number").fill(number)
    page.locator("#code").fill(code)
    page.locator("button[type=submit]").click()
    expect(page.locator(".state")).to_be_visible()
    return page.locator(".state").inner_text()


def accessible(page: Page) -> bool:
    """As far as axe-core sees, which comes with the console's packages."""
    return not AXE.exists() or serious_faults(page) == []
