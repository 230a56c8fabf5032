"""What a viewer in a real Grafana would miss: maps of the whole world, hidden titles, lying bars, equal colours.

Each test states what Grafana does with the JSON; the faults were seen in Grafana 12.2.
"""

import re
from typing import Any, Final

import pytest
from grafana_foundation_sdk.models import barchart, common, statetimeline

from devices.city.sites import ZoneKind
from grafana.boards import trucks
from grafana.parts.panels import BoardBuilder, GridPosition, stat_panel
from grafana.parts.wording import RULES, Language, Phrase
from grafana.render import API_URL, Json, all_boards
from tests import ROOT

RENDERED: Final = {str(path): board for path, board in all_boards()}
ONE_BOARD: Final = pytest.mark.parametrize("path", RENDERED)
FIELD_OPTIONS: Final = {
    "color", "decimals", "displayName", "links", "mappings", "max", "min", "noValue", "thresholds", "unit",
}  # fmt: skip
CUSTOM_OPTIONS: Final = {
    "barchart": barchart.FieldConfig,
    "bargauge": None,
    "geomap": common.HideableFieldConfig,
    "state-timeline": statetimeline.FieldConfig,
    "stat": None,
    "table": common.TableFieldOptions,
    "timeseries": common.GraphFieldConfig,
}
"""Models of the options that one type of panel has for its fields, beside those of all."""


def maps(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] == "geomap"]


def overrides(panel: Json) -> list[tuple[str, Json]]:
    """(column or series, its properties)."""
    return [
        (override["matcher"]["options"], {item["id"]: item["value"] for item in override["properties"]})
        for override in panel["fieldConfig"]["overrides"]
    ]


@ONE_BOARD
def test_a_map_shows_the_layer_that_matters_and_not_the_world(path: str) -> None:
    """Fit comes no closer than `zoom`. A layer with sites in far counties must not decide what is seen."""
    for panel in maps(RENDERED[path]):
        view = panel["options"]["view"]
        assert view["id"] == "fit"
        assert view["zoom"] >= 14, panel["title"]
        assert view["allLayers"] is False
        [layer] = [layer for layer in panel["options"]["layers"] if layer["name"] == view["layer"]]
        assert layer["type"] in {"markers", "route"}, panel["title"]


@ONE_BOARD
def test_zones_lie_below_all_else_each_kind_in_its_colour(path: str) -> None:
    """Grafana draws the first layer lowest, and a feature in the first style whose check it passes."""
    for panel in maps(RENDERED[path]):
        lowest = panel["options"]["layers"][0]
        assert lowest["config"]["src"].endswith("/geo/zones.geojson"), panel["title"]
        styles = {rule["check"]["value"]: rule["style"]["color"]["fixed"] for rule in lowest["config"]["rules"]}
        assert styles.keys() == {str(kind) for kind in ZoneKind}
        assert len(set(styles.values())) == len(styles)
        assert {rule["check"]["property"] for rule in lowest["config"]["rules"]} == {"kind"}
        assert lowest["config"]["style"]["opacity"] <= 0.1, "a jurisdiction covers the whole map"


@pytest.mark.parametrize("path", [path for path in RENDERED if path.endswith(("/overview.json", "/trucks.json"))])
def test_suspected_sites_are_triangles_in_the_colour_of_their_state(path: str) -> None:
    panel = maps(RENDERED[path])[0]
    [ref] = [target["refId"] for target in panel["targets"] if 'FROM "suspected_site"' in target["query"]]
    [layer] = [one for one in panel["options"]["layers"] if one.get("filterData", {}).get("options") == ref]
    assert layer["config"]["style"]["symbol"]["fixed"].endswith("triangle.svg")
    assert layer["config"]["style"]["color"]["field"] == "state"
    assert "mappings" in dict(overrides(panel))["state"]


@ONE_BOARD
def test_the_address_of_a_layer_has_no_variable(path: str) -> None:
    """Grafana makes the whole map anew whenever a variable in its options is filled in: at each refresh."""
    for panel in maps(RENDERED[path]):
        assert "$" not in str(panel["options"]), panel["title"]


@ONE_BOARD
def test_people_read_names_and_not_ids(path: str) -> None:
    """A device has a plate or a site: its id may be in a row for a link, but nobody is shown it."""
    for panel in RENDERED[path]["panels"]:
        hidden = {column for column, given in overrides(panel) if given.get("custom.hidden") is True}
        for target in panel["targets"]:
            if target["resultFormat"] == "time_series":
                assert "$tag_device" not in target["alias"], panel["title"]
            selected, _, rest = target["query"].partition(" FROM ")
            selected += rest.partition("GROUP BY")[2]
            if panel["type"] == "table" and '"device"' in selected:
                assert "device" in hidden, panel["title"]
                assert '"site"' not in selected, panel["title"]
        for layer in panel["options"].get("layers", ()) if panel["type"] == "geomap" else ():
            label = layer["config"].get("style", {}).get("text", {}).get("field")
            assert label != "device", panel["title"]


@ONE_BOARD
def test_people_choose_by_name(path: str) -> None:
    """The value of a choice is an id, what is shown is a name."""
    for variable in RENDERED[path]["templating"]["list"]:
        if variable["name"] == "rule":
            choices = dict(choice.split(" : ")[::-1] for choice in variable["query"].split(", "))
            assert choices == {name: title.in_(Language(path[:2])) for name, title in RULES.items()}
        else:
            found = re.fullmatch(r"/\^(.*)\$/", variable["regex"])
            assert found
            [pattern] = found.groups()
            split = re.fullmatch(pattern.replace("(?<", "(?P<"), "王江资源化利用厂 2 | weighbridge-01")
            assert split
            assert split.groupdict() == {"text": "王江资源化利用厂 2", "value": "weighbridge-01"}
            of_area = "" if variable["name"] == "device" else f"{variable['name']}_"
            assert f'"{of_area}choice{"_zh" if path.startswith("zh") else ""}"' in variable["query"]


@ONE_BOARD
def test_a_span_of_its_own_does_not_cover_the_title(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        assert not panel.get("timeFrom") or panel["hideTimeOverride"] is True, panel["title"]


@ONE_BOARD
def test_a_span_of_its_own_is_named_in_the_description(path: str) -> None:
    """But for a few minutes, which are the present."""
    words = {"15m": "15 minutes|15 分钟", "now/d": "midnight|零点"}
    for panel in RENDERED[path]["panels"]:
        span = panel.get("timeFrom")
        assert span in {None, "1m", "5m"} or re.search(words[span], panel["description"]), panel["title"]


def test_an_unknown_option_is_refused() -> None:
    """The SDK says `min_val`; a `min` was set and nobody read it."""
    builder = BoardBuilder(Language.EN, API_URL)
    with pytest.raises(AttributeError, match="'min'"):
        builder.add_panel(
            stat_panel(), GridPosition(0, 0, 4, 4), Phrase("a", "b"), Phrase("a", "b"), [], unit="none", more={"min": 0}
        )


@ONE_BOARD
def test_an_option_is_one_that_grafana_knows(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        custom = CUSTOM_OPTIONS[panel["type"]]
        known = set(custom().to_json()) | set(vars(custom()).keys()) if custom is not None else set()
        names = {_camel(name) for name in known} | {"cellOptions", "hidden", "width", "minWidth", "axisPlacement"}
        for column, properties in overrides(panel):
            for name in properties:
                assert name in FIELD_OPTIONS or (name.startswith("custom.") and name[7:] in names), (column, name)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


@ONE_BOARD
def test_bars_and_curves_begin_at_nought(path: str) -> None:
    """A bar that begins at its smallest value draws an outcome that happened once as nothing."""
    for panel in RENDERED[path]["panels"]:
        if panel["type"] == "bargauge":
            assert panel["fieldConfig"]["defaults"]["min"] == 0, panel["title"]
        if panel["fieldConfig"]["defaults"]["unit"] == "percent" and panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["min"] == 0, panel["title"]
            assert panel["fieldConfig"]["defaults"]["max"] == 100, panel["title"]


@ONE_BOARD
def test_weights_are_kilograms_or_tonnes(path: str) -> None:
    """Grafana's own unit of kilograms turns 27,000 kg into 27 Mg."""
    for panel in RENDERED[path]["panels"]:
        units = [panel["fieldConfig"]["defaults"]["unit"], *(given.get("unit") for _, given in overrides(panel))]
        assert not {"masskg", "massg"} & set(units), panel["title"]
        assert "cps" not in units, panel["title"]


@ONE_BOARD
def test_a_count_has_no_decimals(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["unit"] == "none" and panel["type"] != "geomap":
            assert defaults["decimals"] == 0, panel["title"]


@ONE_BOARD
def test_open_alerts_stay_however_old_they_are(path: str) -> None:
    """A wall that shows six hours must show a P1 that has been open for seven."""
    asked = [target["query"] for panel in RENDERED[path]["panels"] for target in panel["targets"]]
    of_open = [query for query in asked if '"open" = 1' in query]
    assert not any("$timeFilter" in query for query in of_open)
    if path.endswith(("overview.json", "trucks.json", "enforcement.json")):
        assert of_open


@ONE_BOARD
def test_a_cell_with_a_colour_shows_it(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        if panel["type"] != "table":
            continue
        for column, given in overrides(panel):
            colours = [value.get("color") for one in given.get("mappings", ()) for value in one["options"].values()]
            if any(colours) or "thresholds" in given:
                assert given["custom.cellOptions"]["type"] in {"color-text", "color-background", "gauge"}, column


@ONE_BOARD
def test_a_row_is_of_one_instant(path: str) -> None:
    """Two `last()` beside each other mix a bed of an hour ago with a speed of now."""
    for panel in RENDERED[path]["panels"]:
        for target in panel["targets"]:
            for selected in re.findall(r"SELECT (.*?) FROM", target["query"]):
                assert selected.count("last(") <= 1, panel["title"]


@ONE_BOARD
def test_a_place_on_a_map_was_located(path: str) -> None:
    """A receiver without a fix reports 0, 0."""
    for panel in maps(RENDERED[path]):
        for target in panel["targets"]:
            if 'FROM "position"' in target["query"]:
                assert '"located" = true' in target["query"], panel["title"]


def _oklab(colour: str) -> tuple[float, float, float]:
    """A colour in Oklab (Ottosson 2020), where distances are as people see them."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _apart(one: str, other: str) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(_oklab(one), _oklab(other), strict=True)) ** 0.5)


NEAREST: Final = 0.11
"""Of two curves in one panel, in Oklab. The two reds of Okabe and Ito, orange and vermillion, are 0.13 apart; two pinks
that people took for one another were 0.10 apart."""


def test_the_measure_of_colours() -> None:
    """By published values: white is (1, 0, 0), and red is (0.628, 0.225, 0.126)."""
    assert _oklab("#FFFFFF") == pytest.approx((1, 0, 0), abs=1e-3)
    assert _oklab("#FF0000") == pytest.approx((0.628, 0.225, 0.126), abs=1e-3)


@ONE_BOARD
def test_two_series_of_a_panel_can_be_told_apart(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        colours = [
            (name, given["color"]["fixedColor"])
            for name, given in overrides(panel)
            if given.get("color", {}).get("mode") == "fixed"
        ]
        for at, (name, colour) in enumerate(colours):
            for other, its_colour in colours[at + 1 :]:
                assert _apart(colour, its_colour) >= NEAREST, (panel["title"], name, other)
        # One hue in shades, or one colour for all: nobody can say which curve is which.
        assert panel["fieldConfig"]["defaults"].get("color", {}).get("mode") != "shades", panel["title"]


@ONE_BOARD
def test_many_curves_have_a_legend(path: str) -> None:
    for panel in RENDERED[path]["panels"]:
        many = any("$tag_" in target.get("alias", "") for target in panel["targets"])
        if panel["type"] == "timeseries" and many:
            assert panel["options"]["legend"]["showLegend"] is True, panel["title"]


def test_rendered_files_have_the_names_that_compose_mounts() -> None:
    home = re.findall(
        r"DEFAULT_HOME_DASHBOARD_PATH: /etc/haulwatch/boards/(\S+)", (ROOT / "docker-compose.yml").read_text()
    )
    assert home
    assert set(home) <= set(RENDERED)


def test_a_builder_makes_a_board_of_its_language() -> None:
    built: Any = trucks.board(BoardBuilder(Language.ZH, API_URL))
    assert built.uid == "haulwatch-trucks-zh"
