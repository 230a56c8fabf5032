"""The base map in a real browser: coasts without any server, tiles of a service through the API, an archive by ranges.

Over tiles in GCJ-02 the truck stands where the tiles have its place: each tile of the service shows a disc there.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from api.console.pages import BUILT
from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import LatLon
from tests.closing import closed_later
from tests.e2e.desk import CHROMIUM, PATIENCE_MS, Watched, seed
from tests.installation import Installation
from tests.servers import free_port
from tests.servers.tiles import MVT, PNG, TILE_PX, Colour, TileHost, plain, pmtiles, png, tile_host, water
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
expect.set_options(timeout=PATIENCE_MS)

SIZE: Final = {"width": 1180, "height": 860}
"""The map lies above the right column, wide and low: half the points to draw of what it has between the columns."""
SECRET: Final = "the-token-of-the-tile-service"
DUMP: Final = LatLon(lat=35.52, lon=112.86)
"""Where `tests.e2e.desk.change` puts the dump, WGS-84."""
GROUND: Final[Colour] = (0, 0, 200)
DISC: Final[Colour] = (255, 0, 255)
DISC_M: Final = 150.0
DIMMED: Final = (191, 0, 191)
"""The disc as the console draws it, but for the areas of the city over it."""
WATER: Final = (16, 48, 79)
"""Of a vector archive, as the console draws it."""
MARK: Final = (213, 94, 0)
"""The alert: severity P1."""
SEEN: Final = """([colour, spread]) => {
  const map = document.querySelector(".map canvas"), copy = document.createElement("canvas");
  [copy.width, copy.height] = [map.width, map.height];
  const context = copy.getContext("2d");
  context.drawImage(map, 0, 0);
  const {data} = context.getImageData(0, 0, copy.width, copy.height);
  let [count, x, y] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (colour.some((value, n) => Math.abs(value - data[i + n]) > spread)) continue;
    count += 1, x += (i / 4) % copy.width, y += Math.floor(i / 4 / copy.width);
  }
  const fine = map.clientWidth / map.width;
  return {count: count * fine ** 2, x: x / count * fine, y: y / count * fine};
}"""
"""How much of the map has a colour, and its centre, in pixels of the page: a map that is dragged is drawn coarser."""


def mercator(place: LatLon, zoom: int) -> tuple[float, float]:
    """Pixels from the north-west of the world, 256 to a tile (EPSG:3857)."""
    world = TILE_PX * 2**zoom
    turned = math.asinh(math.tan(math.radians(place.lat))) / math.pi
    return (place.lon + 180) / 360 * world, (1 - turned) / 2 * world


@cache
def disc_tile(z: int, x: int, y: int) -> bytes:
    """Blue, with a disc where GCJ-02 has the dump."""
    east, south = mercator(gcj02_of(DUMP), z)
    radius = DISC_M / (40_075_016.7 * math.cos(math.radians(DUMP.lat)) / (TILE_PX * 2**z))
    left, top = east - x * TILE_PX, south - y * TILE_PX
    if not (-radius < left < TILE_PX + radius and -radius < top < TILE_PX + radius):
        return plain(GROUND)
    return png(
        [
            [DISC if math.hypot(column - left, row - top) < radius else GROUND for column in range(TILE_PX)]
            for row in range(TILE_PX)
        ]
    )


@pytest.fixture
def service() -> Iterator[TileHost]:
    with tile_host(disc_tile) as running:
        yield running


def sit_down(chromium: Browser, desk: Installation, locale: str = "en-US") -> Watched:
    context = closed_later(
        chromium.new_context(locale=locale, viewport=SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
    )
    return Watched(context, f"http://127.0.0.1:{desk.api_port}")


def desk_with(install: Callable[..., Installation], *, alerts: bool = False, **settings: str) -> Installation:
    made = install("desk", HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}", **settings)
    if alerts:
        seed(made)
    else:
        made.import_city()
    made.start_api()
    return made


def open_case(desk: Installation, watched: Watched) -> Page:
    alert_id = desk.get("/api/v1/alerts?rule=illegal_dumping")["items"][0]["alert_id"]
    page = watched.open(f"/#alert={alert_id}")
    expect(page.locator(".map-key")).to_be_visible()
    return page


def until_map(page: Page, condition: str, *arguments: Any) -> None:
    """Wait until `condition` holds, an expression over `seen(colour, spread)`, `apart(one, other)` and `args`."""
    page.locator(".map canvas").wait_for()
    look = (
        f"(args) => {{ const look = {SEEN}; const seen = (colour, spread = 24) => look([colour, spread]); "
        "const apart = (a, b) => { const [one, other] = [seen(a), seen(b)]; "
        "return one.count > 0 && other.count > 40 ? Math.hypot(one.x - other.x, one.y - other.y) : NaN; }; "
        f"return {condition}; }}"
    )
    until(lambda: bool(page.evaluate(look, list(arguments))), f"the map shows: {condition} {arguments}", every_s=0.2)


def test_without_any_setting_the_map_has_the_coasts_of_the_world_and_asks_nobody(
    chromium_with_map: Browser, install: Callable[..., Installation]
) -> None:
    watched = sit_down(chromium_with_map, desk_with(install))
    page = watched.open()
    ground, sea = (17, 28, 42), (10, 20, 32)
    until_map(page, "seen(args[0], 1).count > 50000", ground)
    expect(page.locator(".map-base")).to_have_count(0)
    until_map(page, "seen(args[0], 1).count == 0", sea)
    for _ in range(10):
        page.get_by_label("Zoom out").click()
    until_map(page, "seen(args[0], 1).count > 20000 && seen(args[1], 1).count > 20000", ground, sea)
    nothing_new_draws_nothing(page)
    assert watched.faults == []


COUNT_DRAWN: Final = """() => {
  const drawing = WebGL2RenderingContext.prototype, draw = drawing.drawElements;
  drawing.drawElements = function (...args) { window.drawn += 1; return draw.apply(this, args); };
}"""
A_SECOND_OF_FRAMES: Final = "new Promise((done) => setTimeout(done, 1000))"


def nothing_new_draws_nothing(page: Page) -> None:
    """Trucks are asked for every five seconds; while they stand, the map stays as it was drawn."""
    page.evaluate(COUNT_DRAWN)

    def is_still() -> bool:
        page.evaluate("window.drawn = 0")
        with page.expect_response("**/api/v1/trucks"):
            pass
        page.evaluate(A_SECOND_OF_FRAMES)
        return bool(page.evaluate("window.drawn === 0"))

    until(is_still, "the map draws nothing after an answer like the one before")


def test_over_tiles_in_gcj02_what_is_drawn_is_shifted_and_the_map_says_so(
    chromium_with_map: Browser, install: Callable[..., Installation], service: TileHost
) -> None:
    desk = desk_with(
        install,
        alerts=True,
        HAULWATCH_MAP_TILES=f"{service.url}/{{token}}/{{z}}/{{x}}/{{y}}",
        HAULWATCH_MAP_TILES_TOKEN=SECRET,
        HAULWATCH_MAP_DATUM="gcj02",
        HAULWATCH_MAP_ATTRIBUTION="© <b>Maps</b>",
    )
    watched = sit_down(chromium_with_map, desk)
    urls: list[str] = []
    watched.page.on("request", lambda request: urls.append(request.url))
    page = open_case(desk, watched)
    until_map(page, "apart(args[0], args[1]) < 6", MARK, DIMMED)
    shown_at = page.evaluate(SEEN, [MARK, 24])
    note = page.locator(".map-base")
    expect(note).to_contain_text("© <b>Maps</b> · base map in GCJ-02: all that is drawn is shifted to it")
    page.keyboard.press("l")
    expect(note).to_contain_text("底图坐标系：GCJ-02；图上位置已偏移")

    page.keyboard.press("4")
    page.get_by_label("底图").uncheck()
    expect(note).to_have_count(0)
    at_its_place = "Math.hypot(seen(args[1]).x - args[2].x, seen(args[1]).y - args[2].y) < 6"  # the view went with it
    until_map(page, f"seen(args[0]).count == 0 && {at_its_place}", DIMMED, MARK, shown_at)
    assert {path.split("/")[1] for path in service.asked} == {SECRET}
    assert any("/api/v1/base-map/tiles/0/" in url for url in urls)
    assert not [url for url in urls if SECRET in url or service.url in url]
    assert SECRET not in page.content() + str(desk.get("/api/v1/base-map"))
    assert SECRET not in desk.log("serve").read_text()
    assert SECRET not in desk.run("settings").stdout
    assert watched.faults == []


def test_a_datum_that_changes_while_a_person_drags_leaves_the_view_where_it_was_dragged_to(
    chromium_with_map: Browser, install: Callable[..., Installation], service: TileHost
) -> None:
    desk = desk_with(
        install, alerts=True, HAULWATCH_MAP_TILES=f"{service.url}/{{z}}/{{x}}/{{y}}", HAULWATCH_MAP_DATUM="gcj02"
    )
    watched = sit_down(chromium_with_map, desk)
    page = open_case(desk, watched)
    page.keyboard.press("4")
    base = page.get_by_label("Base map")
    expect(base).to_be_checked()
    until_map(page, "apart(args[0], args[1]) < 6", MARK, DIMMED)
    began = page.evaluate(SEEN, [MARK, 24])
    box = page.locator(".map canvas").bounding_box()
    assert box is not None
    held = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    page.mouse.move(*held)
    page.mouse.down()
    page.mouse.move(held[0] + 90, held[1] - 60, steps=5)
    there = {"x": began["x"] + 90, "y": began["y"] - 60}
    is_there = "Math.hypot(seen(args[0]).x - args[1].x, seen(args[0]).y - args[1].y) < 6"
    until_map(page, is_there, MARK, there)

    base.evaluate("box => box.click()")  # the mouse is held down meanwhile
    until_map(page, f"{is_there} && seen(args[2]).count == 0", MARK, there, DIMMED)
    page.mouse.up()
    until_map(page, is_there, MARK, there)
    assert watched.faults == []


def test_over_tiles_in_wgs84_nothing_is_shifted(
    chromium_with_map: Browser, install: Callable[..., Installation], service: TileHost
) -> None:
    """The oracle of the test above: the service's discs are in GCJ-02, so here they lie apart from the truck."""
    desk = desk_with(install, alerts=True, HAULWATCH_MAP_TILES=f"{service.url}/{{z}}/{{x}}/{{y}}")
    watched = sit_down(chromium_with_map, desk, "zh-CN")
    page = open_case(desk, watched)
    until_map(page, "apart(args[0], args[1]) > 25", MARK, DIMMED)
    expect(page.locator(".map-base")).to_have_text("底图坐标系：WGS-84")

    service.status = 403
    page.get_by_label("Zoom out").click()
    expect(page.locator(".map-base")).to_contain_text("暂时取不到底图瓦片")
    assert [fault for fault in watched.faults if "/api/v1/base-map/tiles/" not in fault] == []


VECTORS: Final = b'{"vector_layers": [{"id": "water", "fields": {}}]}'


def test_an_archive_on_this_machine_is_drawn_below_the_city(
    chromium_with_map: Browser, install: Callable[..., Installation], tmp_path: Path
) -> None:
    file = tmp_path / "city.pmtiles"
    file.write_bytes(pmtiles(plain(DISC), max_zoom=12, kind=PNG))
    desk = desk_with(install, HAULWATCH_MAP_PMTILES=str(file), HAULWATCH_MAP_ATTRIBUTION="© OpenStreetMap")
    watched = sit_down(chromium_with_map, desk)
    statuses: list[int] = []
    watched.page.on(
        "response", lambda answer: statuses.append(answer.status) if "/base-map/archive" in answer.url else None
    )
    page = watched.open()
    until_map(page, "seen(args[0]).count > 50000", DIMMED)
    expect(page.locator(".map-base")).to_have_text("© OpenStreetMap · base map in WGS-84")

    newer = tmp_path / "newer.pmtiles"
    newer.write_bytes(pmtiles(water(), max_zoom=12, kind=MVT, metadata=VECTORS))
    newer.replace(file)  # at once: ranges of the older one may still be under way
    page.reload()
    until_map(page, "seen(args[0]).count > 50000", WATER)
    assert set(statuses) == {206}
    assert watched.faults == []
