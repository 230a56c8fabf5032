"""The city's figures in a real browser: indicators with their targets, why some have no value, and the assessment."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert

from api.console.pages import BUILT
from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.db.database import open_database
from devices.readings.models import Weighing
from rules.alerts.actions import Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.manifests.tables import manifest, manifest_state
from rules.weighing.store import SessionStore
from tests.e2e.desk import (
    CHROMIUM,
    NOW,
    PATIENCE_MS,
    TRUCK,
    WRITE_TOKEN,
    dump_at,
    seed,
    serious_faults,
    sign_in,
    sit_down,
)
from tests.installation import Installation
from tests.servers import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
expect.set_options(timeout=PATIENCE_MS)
HOUR_MS: Final = 3_600_000
DAY: Final = "2026-09-21"
"""Of `NOW`, in the city's calendar."""
PLANT, TIP, OTHER_TIP = "weighbridge-01", "weighbridge-02", "weighbridge-03"
TRIPS: Final = 12


def weigh(folder_url: str) -> None:
    """27 t of demolition waste to the plant, 12 loads of 15 t of spoil to a tip, 3 t to another."""
    city = read_city(JINCHENG)
    sent = [
        _ticket(PLANT, 1, "vehicle-001", "demolition", 27_000, -3),
        *(_ticket(TIP, 2 + n, city.devices[TRUCK].vehicle_id or "", "spoil", 15_000, -3 + n / 6) for n in range(TRIPS)),
        _ticket(OTHER_TIP, 20, "vehicle-002", "spoil", 3_000, -2),
    ]
    with closing(SessionStore(open_database(folder_url), lambda: city)) as store:
        store.take("file", 1, sent, NOW)


def _ticket(bridge: str, number: int, vehicle_id: str, material: str, net_kg: float, hours: float) -> Weighing:
    return Weighing(
        device_id=bridge, ts=NOW + round(hours * HOUR_MS), ticket=f"N{number}", material=material, direction="in",
        plate=read_city(JINCHENG).vehicles[vehicle_id].plate, gross_kg=12_000 + net_kg, tare_kg=12_000.0, net_kg=net_kg,
    )  # fmt: skip


def issue(folder_url: str) -> None:
    """Manifests of the twelve trips to the tip, of which eleven are closed."""
    engine = open_database(folder_url)
    vehicle_id = read_city(JINCHENG).devices[TRUCK].vehicle_id
    with engine.begin() as connection:
        for n in range(TRIPS):
            at = NOW - 3 * HOUR_MS + n * HOUR_MS // 6
            connection.execute(
                insert(manifest).values(
                    number=f"M{n}", code=f"code-{n}", vehicle_id=vehicle_id, device_id=TRUCK, version=1,
                    source_id="works-01", destination_id="spoil-nw-1", issued_at=at, issued_by="li", check_at=None,
                    document={"stream": "spoil", "driver": "Wang Wei"},
                )
            )  # fmt: skip
            connection.execute(
                insert(manifest_state).values(
                    number=f"M{n}", device_id=TRUCK, judged_in="disk", judged_to=1, overdue_at=0, recorded_at=1,
                    state="closed" if n else "overdue", closed_at=at + HOUR_MS if n else 0,
                    manifest={"left_at": at, "arrived_at": at if n else 0, "weighed_at": at if n else 0, "ticket": "N"},
                )
            )  # fmt: skip
    engine.dispose()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    variables = {
        "HAULWATCH_API_TOKEN": WRITE_TOKEN,
        "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}",
        "HAULWATCH_PROGRAMME": str(JINCHENG / "programme.yaml"),
    }
    made = Installation(tmp_path_factory.mktemp("programme") / "desk", variables, loaded=True)
    seed(made, 0)
    url = f"sqlite:///{made.folder / 'haulwatch.db'}"
    weigh(url)
    issue(url)
    with closing(AlertJournal(open_database(url))) as journal:
        journal.act(dump_at(NOW).alert_id, Close(actor="li.wei", at=NOW, outcome=Outcome.CONFIRMED_VIOLATION))
    made.start_api()
    yield made
    made.close()


def look_at_the_day(page: Page, labels: tuple[str, str]) -> None:
    """Open the figures of one day; `labels`: of its first and last day."""
    page.keyboard.press("9")
    for label in labels:
        page.get_by_label(label, exact=True).fill(DAY)


def test_figures_show_value_target_and_what_they_rest_on(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk)
    page = watched.open()
    expect(page.locator("header .city-name")).to_contain_text("Jincheng")
    look_at_the_day(page, ("From", "to"))
    row = page.locator(".indicators tr", has_text="Construction-waste recycling rate")
    # 27 ÷ (27 + 180 + 3) = 12.86 %, of 60 % from 14.34 %
    expect(row.locator("td.number")).to_have_text("12.86 %")
    expect(row).to_contain_text("14.34 → ≥ 60 (2025)")
    expect(row).to_contain_text("part 27 t · whole 210 t")
    expect(row).to_contain_text("14 loads · 100 % of the weight weighed in full")
    row.locator("summary").click()
    expect(row).to_contain_text("received by recycling plants ÷ received by all end sites × 100 %")
    expect(row).to_contain_text("Only these sites: plant-wangjiang, spoil-nw-1, spoil-s-1.")
    without = page.locator(".indicators tr", has_text="Share of household waste incinerated")
    expect(without.locator(".why").first).to_contain_text("have no weighbridge: what they receive is not known")
    # 11 closed of 12 trips and 2 loads without a manifest
    closed = page.locator(".indicators tr", has_text="Trips with a closed manifest")
    expect(closed.locator("td.number")).to_have_text("78.57 %")
    expect(page.locator(".programme")).to_contain_text("sign in as an operator")
    assert serious_faults(page) == []

    sign_in(page)
    look_at_the_day(page, ("From", "to"))
    scores = page.locator(".scores")
    expect(scores.locator("tr", has_text="not assessed: too few trips").first).to_be_visible()
    page.get_by_role("button", name="Vehicles", exact=True).click()
    # Alerts: one P1, 40 points × 100 ÷ 12 trips: nothing left. Manifests 11 ÷ 12 = 91.7.
    # Data (12 + 11) ÷ (12 + 12) = 95.8. (50 × 0 + 30 × 91.7 + 20 × 95.8) ÷ 100 = 46.7
    truck = scores.locator("tr", has_text="晋E·D0105")
    expect(truck.locator("td.number")).to_have_text("46.7")
    expect(truck).to_contain_text("0 · 1 P1")
    expect(truck).to_contain_text("91.7 · 11/12")
    page.get_by_role("button", name="Drivers", exact=True).click()
    expect(scores.locator("tr", has_text="Wang Wei")).to_be_visible()
    assert serious_faults(page) == []
    assert watched.faults == []


def test_figures_are_in_chinese_too(chromium: Browser, desk: Installation) -> None:
    watched = sit_down(chromium, desk, "zh-CN")
    page = watched.open()
    expect(page.locator("header .city-name")).to_contain_text("晋城")
    look_at_the_day(page, ("自", "至"))
    row = page.locator(".indicators tr", has_text="建筑垃圾资源化利用率")
    expect(row.locator("td.number")).to_have_text("12.86 %")
    expect(row).to_contain_text("分子 27 吨 · 分母 210 吨")
    expect(page.locator(".indicators .why").first).to_contain_text("没有地磅")
    assert watched.faults == []
