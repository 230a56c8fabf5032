"""What a live Grafana 12.2 showed wrong, panel by panel, at 1,920 × 1,080 and on a laptop.

Each test states what Grafana does with the JSON.
"""

import re
from typing import Any, Final

import pytest

from grafana.parts.names import JOINED
from grafana.parts.wording import Language
from grafana.render import Json, all_boards

RENDERED: Final = {str(path): board for path, board in all_boards()}
ONE_BOARD: Final = pytest.mark.parametrize("path", RENDERED)
ONE_LANGUAGE: Final = pytest.mark.parametrize("language", [str(language) for language in Language])
GROUND: Final = "#181B1F"
"""Of a panel in Grafana's dark theme."""
LEGIBLE: Final = 4.0
"""Contrast of a headline number. WCAG asks for 3 in large text that is read from near."""
ROW_PX: Final = 1_900
TITLE_LETTERS: Final = {3: 11.5, 4: 17, 5: 24}
"""That are seen of a title on a laptop of 1,366 pixels, by columns of the grid."""


def of_type(board: Json, kind: str) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] == kind]


def overrides(panel: Json) -> dict[str, Json]:
    """Properties by column or series."""
    return {
        override["matcher"]["options"]: {item["id"]: item["value"] for item in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }


def transformations(panel: Json, kind: str) -> list[Json]:
    return [one["options"] for one in panel.get("transformations") or () if one["id"] == kind]


@ONE_BOARD
@pytest.mark.parametrize("order", ["joinByField-A-N", "joinByField-N-A"])
def test_a_layer_finds_joined_rows_in_either_order(path: str, order: str) -> None:
    """The map of all trucks showed the world: a change of query N alone puts it before A in the name of the join."""
    for panel in of_type(RENDERED[path], "geomap"):
        for layer in panel["options"]["layers"]:
            wanted = (layer.get("filterData") or {}).get("options", "")
            if "join" in wanted:
                assert wanted == JOINED
                assert re.search(wanted.strip("/"), order)


@ONE_BOARD
def test_a_curve_of_a_device_is_called_as_the_device(path: str) -> None:
    """InfluxDB names the column of a curve, and that name goes before the name of the part: all were called "Value", in
    one colour. A label that the part is given can be its name.
    """
    for panel in RENDERED[path]["panels"]:
        for part in transformations(panel, "partitionByValues"):
            [column] = part["fields"]
            assert part["naming"]["asLabels"] is True, panel["title"]
            assert overrides(panel)["Value"]["displayName"] == f"${{__field.labels.{column}}}", panel["title"]
            left_out = [one.get("excludeByName", {}) for one in transformations(panel, "organize")]
            assert {"device": True} in left_out, "or the id of the device is a row of its own"


@ONE_BOARD
def test_nobody_sees_dozens_of_curves_without_a_list_of_their_names(path: str) -> None:
    for panel in of_type(RENDERED[path], "timeseries"):
        for target in panel["targets"]:
            of_each = target["query"].rpartition("GROUP BY")[2]
            assert not {'"device"', '"compartment"'} <= set(re.findall(r'"\w+"', of_each)), panel["title"]


@ONE_BOARD
def test_a_joined_table_begins_with_the_time(path: str) -> None:
    """A joined column of time is called after its measurement, too."""
    for panel in of_type(RENDERED[path], "table"):
        organized = transformations(panel, "organize")
        order: Json = next((one["indexByName"] for one in organized if "indexByName" in one), {})
        if "Time" in order and transformations(panel, "joinByField"):
            [measurement] = re.findall(r'FROM "(\w+)"', panel["targets"][0]["query"])
            assert order["Time"] == order[f"Time {measurement}"] == 0, panel["title"]


@ONE_BOARD
def test_a_number_and_its_unit_have_one_space_between_them(path: str) -> None:
    """Grafana puts a space before a suffix by itself."""
    assert '"suffix: ' not in str(RENDERED[path]).replace("'", '"')


@ONE_BOARD
def test_few_rows_have_no_pager(path: str) -> None:
    for panel in of_type(RENDERED[path], "state-timeline"):
        assert panel["options"]["perPage"] == 0, panel["title"]


@ONE_BOARD
def test_controls_fit_into_one_row(path: str) -> None:
    """Variables, links and time beside each other at 1,920 pixels: a letter has 8 pixels, a Chinese one 14."""
    board = RENDERED[path]
    assert all(mark["hide"] for mark in board["annotations"]["list"]), "each has a switch"

    def wide(text: str, rest: int) -> int:
        return sum(8 if letter.isascii() else 14 for letter in text) + rest

    used = sum(wide(variable["label"], 125) for variable in board["templating"]["list"])
    used += sum(wide(link["title"], 50 if link["icon"] else 30) for link in board["links"])
    assert used + 420 <= ROW_PX


@ONE_BOARD
def test_headline_numbers_can_be_read_across_a_room(path: str) -> None:
    for panel in of_type(RENDERED[path], "stat"):
        letters = sum(1 if letter.isascii() else 1.8 for letter in panel["title"])
        assert letters <= TITLE_LETTERS[panel["gridPos"]["w"]], f"{panel['title']}: the title is cut"
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
            assert step["color"] == "text" or contrast(step["color"]) >= LEGIBLE, panel["title"]


def contrast(colour: str) -> float:
    """Of a colour on the ground of a panel, by WCAG 2.1."""
    return (_luminance(colour) + 0.05) / (_luminance(GROUND) + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])


@ONE_BOARD
def test_a_wall_shows_the_top_rows_of_a_board_without_scrolling(path: str) -> None:
    """1,080 pixels hold 26 rows of the grid below one row of controls."""
    bottoms = {panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in RENDERED[path]["panels"]}
    assert any(18 <= bottom <= 26 for bottom in bottoms)
    if path.endswith("overview.json"):
        assert max(bottoms) == 26


@ONE_BOARD
def test_bars_are_wide_enough_to_be_seen(path: str) -> None:
    for panel in of_type(RENDERED[path], "timeseries"):
        if panel["fieldConfig"]["defaults"]["custom"].get("drawStyle") == "bars":
            assert panel["maxDataPoints"] <= 100, panel["title"]
        else:
            assert panel["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] == 1, "zeros have an axis up to 100"


@ONE_BOARD
def test_a_tooltip_of_a_map_has_no_coordinates_and_no_ids(path: str) -> None:
    for panel in of_type(RENDERED[path], "geomap"):
        shown = overrides(panel)
        for column in ("lat", "lon", "device"):
            assert shown[column]["custom.hideFrom"]["tooltip"] is True, panel["title"]


@ONE_LANGUAGE
def test_speed_switches_and_load_of_a_truck_have_one_time_axis(language: str) -> None:
    panels = [panel for panel in RENDERED[f"{language}/trucks.json"]["panels"] if panel["gridPos"]["w"] == 14]
    panels = [panel for panel in panels if panel["gridPos"]["x"] == 10]
    speed, switches, load = sorted(panels, key=lambda panel: int(panel["gridPos"]["y"]))
    assert switches["type"] == "state-timeline"
    places = [panel["gridPos"] for panel in (speed, switches, load)]
    assert len({place["w"] for place in places}) == 1
    assert [place["y"] for place in places[1:]] == [place["y"] + place["h"] for place in places[:-1]]
    axes = {properties["custom.axisWidth"] for panel in (speed, load) for properties in overrides(panel).values()}
    assert len(axes) == 1, "or one time is at different places"


@pytest.mark.parametrize(("board", "title"), [("overview", "Data lag"), ("ingestion", "Lag")])
def test_a_lag_is_of_whole_seconds(board: str, title: str) -> None:
    """ "885.0 ms" is no headline."""
    [panel] = [panel for panel in of_type(RENDERED[f"en/{board}.json"], "stat") if panel["title"] == title]
    assert "ceil(" in panel["targets"][0]["query"]


@pytest.mark.parametrize("path", [path for path in RENDERED if path.startswith("zh")])
def test_a_chinese_board_does_not_say_4_hours_ago(path: str) -> None:
    """Grafana's words for spans of time are English in every language."""

    def units(value: Any) -> set[str]:
        if isinstance(value, dict):
            here = {value["unit"]} if isinstance(value.get("unit"), str) else set()
            here |= {value["value"]} if value.get("id") == "unit" else set()
            return here.union(*map(units, value.values()))
        return set().union(*map(units, value)) if isinstance(value, list) else set()

    assert "dateTimeFromNow" not in units(RENDERED[path]["panels"])


@ONE_BOARD
def test_a_time_of_a_row_reads_alike_for_every_viewer(path: str) -> None:
    """11/30/2026, 06:27:41 AM is cut where 30/11/2026, 06:27:41 fits, and either may be taken for the other."""
    assert "dateTimeAsLocal" not in str(RENDERED[path])
