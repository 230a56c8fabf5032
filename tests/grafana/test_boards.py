"""The boards as files: rendered from the code, complete, described, linked, in both languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard, units

from devices.city.sites import ZoneKind
from devices.readings.models import MAX_AHEAD_MS, Kind
from devices.readings.refusals import Reason
from grafana.parts import palette, wording
from grafana.parts.frame import AREAS, NAMES, uid
from grafana.parts.queries import SOURCE_TYPE, SOURCE_UID
from grafana.parts.wording import Language
from grafana.render import BOARDS, Json, all_boards, as_text
from ingest.alerts.subjects import BOARD_OF_OTHERS, BOARD_OF_ROLE
from ingest.process.over_limit import Limit
from rules.alerts.actions import Outcome
from rules.alerts.model import Phase, Severity
from rules.catalogue import rule_names
from rules.detectors.bin_fire.parameters import BinFireParameters
from rules.detectors.bin_overflow.parameters import BinOverflowParameters
from rules.manifests.model import ManifestState
from rules.suspected_sites.model import PlaceKind, ProposalState
from tests import ROOT

PROVISIONING = ROOT / "grafana" / "provisioning"
RENDERED = {str(path): board for path, board in all_boards()}
ONE_BOARD = pytest.mark.parametrize("path", RENDERED)
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def panels(board: Json) -> list[Json]:
    found: list[Json] = board["panels"]
    return found


def strings(value: Any, key: str = "") -> list[tuple[str, str]]:
    """Every string in some JSON, with its key."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in strings(item, name)]
    return [text for item in value for text in strings(item, key)] if isinstance(value, list) else []


def filled_in(url: str) -> list[str]:
    """The URL for each board that a row of an alert may name."""
    expression = "${__data.fields.board}"
    boards = sorted({*BOARD_OF_ROLE.values(), BOARD_OF_OTHERS})
    return [url.replace(expression, board) for board in boards] if expression in url else [url]


def test_the_files_are_rendered_from_the_code() -> None:
    stored = {
        str(path.relative_to(BOARDS)): path.read_text(encoding="utf-8") for path in sorted(BOARDS.rglob("*.json"))
    }
    assert stored == {path: as_text(board) for path, board in RENDERED.items()}, "run python -m grafana.render"


@ONE_BOARD
def test_the_sdk_reads_a_board_back_as_it_is(path: str) -> None:
    register_default_plugins()
    again = json.loads(json.dumps(dashboard.Dashboard.from_json(RENDERED[path]), cls=JSONEncoder))
    for item in (*again["links"], *again["annotations"]["list"]):
        assert item.pop("placement") == "inControlsMenu"  # a constant of the SDK, removed when boards are rendered
    assert again == RENDERED[path]


@ONE_BOARD
def test_panels_lie_on_the_grid_without_covering_each_other(path: str) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels(RENDERED[path]):
        grid = panel["gridPos"]
        covered = {(grid["x"] + dx, grid["y"] + dy) for dx in range(grid["w"]) for dy in range(grid["h"])}
        assert max(x for x, _ in covered) < 24
        assert not covered & cells, panel["title"]
        cells |= covered
    assert cells == {(x, y) for x in range(24) for y in range(1 + max(y for _, y in cells))}, "a hole in the grid"
    ids = [panel["id"] for panel in panels(RENDERED[path])]
    assert len(set(ids)) == len(ids)


@ONE_BOARD
def test_the_first_rows_are_numbers_or_maps(path: str) -> None:
    """A laptop shows 15 rows of the grid: the most important panels must be there."""
    assert {panel["type"] for panel in panels(RENDERED[path]) if panel["gridPos"]["y"] == 0} <= {"stat", "geomap"}


@ONE_BOARD
def test_every_panel_has_a_description_and_a_unit(path: str) -> None:
    for panel in panels(RENDERED[path]):
        assert len(panel["description"]) >= 12, panel["title"]
        used = [panel["fieldConfig"]["defaults"]["unit"]]
        for override in panel["fieldConfig"]["overrides"]:
            used += [item["value"] for item in override["properties"] if item["id"] == "unit"]
        assert all(unit in UNITS or unit.startswith(("suffix:", "time:")) for unit in used), (panel["title"], used)


@ONE_BOARD
def test_one_data_source_which_is_provisioned(path: str) -> None:
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "influxdb.yaml").read_text())["datasources"]
    assert (source["type"], source["uid"]) == (SOURCE_TYPE, SOURCE_UID)
    board = RENDERED[path]
    targets = [target for panel in panels(board) for target in panel["targets"]]
    querying = [*panels(board), *targets, *board["annotations"]["list"]]
    querying += [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(item["datasource"] == {"type": source["type"], "uid": source["uid"]} for item in querying)
    for panel in panels(board):
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


@ONE_BOARD
def test_links_lead_to_boards_of_the_language_and_set_only_their_variables(path: str) -> None:
    board, language = RENDERED[path], Language(Path(path).parent.name)
    by_uid = {rendered["uid"]: rendered for rendered in RENDERED.values()}
    written = [value for key, value in strings(board) if key == "url"]
    urls = [url for one in written for url in filled_in(one)]
    other = uid(Path(path).stem, language.other)
    assert f"/d/{other}" in urls
    for url in urls:
        target, _, query = url.removeprefix("/d/").partition("?")
        assert target == other or target in {uid(name, language) for name in NAMES}
        variables = {variable["name"] for variable in by_uid[target]["templating"]["list"]}
        assert {
            *re.findall(r"var-(\w+)=", query),
            *re.findall(r"\$\{(\w+):queryparam\}", query),
        } <= variables
        assert set(re.findall(r"\$\{(\w+):queryparam\}", query)) <= {v["name"] for v in board["templating"]["list"]}


@ONE_BOARD
def test_a_link_takes_its_values_from_columns_of_the_query(path: str) -> None:
    for panel in panels(RENDERED[path]):
        queries = " ".join(target["query"] for target in panel["targets"])
        for override in panel["fieldConfig"]["overrides"]:
            links = [link for item in override["properties"] if item["id"] == "links" for link in item["value"]]
            for name in re.findall(r"__data\.fields\.(\w+)", " ".join(link["url"] for link in links)):
                assert f'"{name}"' in queries, (panel["title"], name)


def test_an_alert_leads_to_its_truck_and_back() -> None:
    def links(path: str) -> set[str]:
        return {url for key, value in strings(RENDERED[path]["panels"]) if key == "url" for url in filled_in(value)}

    assert any(url.startswith("/d/haulwatch-trucks?var-device=") for url in links("en/enforcement.json"))
    assert any(url.startswith("/d/haulwatch-enforcement?var-device=") for url in links("en/trucks.json"))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_panels_and_chinese_is_chinese(name: str) -> None:
    english, chinese = RENDERED[f"en/{name}.json"], RENDERED[f"zh/{name}.json"]
    shape = [(panel["type"], panel["gridPos"], len(panel["targets"])) for panel in panels(english)]
    assert shape == [(panel["type"], panel["gridPos"], len(panel["targets"])) for panel in panels(chinese)]
    shown_keys = {"title", "description", "label"}
    for key, text in strings(english):
        assert key not in shown_keys or text == "中文" or not CHINESE.search(text), text
    for key, text in strings(chinese):
        assert key not in shown_keys or text == "English" or CHINESE.search(text), text
    assert [v["name"] for v in english["templating"]["list"]] == [v["name"] for v in chinese["templating"]["list"]]
    assert (english["uid"], chinese["uid"]) == (f"haulwatch-{name}", f"haulwatch-{name}-zh")


@pytest.mark.parametrize("name", NAMES)
def test_areas_are_variables(name: str) -> None:
    assert set(AREAS[name]) <= {variable["name"] for variable in RENDERED[f"en/{name}.json"]["templating"]["list"]}


def test_closed_lists_have_a_name_and_a_colour() -> None:
    assert set(rule_names()) == set(wording.RULES) == set(palette.RULE)
    assert len(set(palette.RULE.values())) == len(palette.RULE)
    assert {str(severity) for severity in Severity} == set(wording.SEVERITIES) == set(palette.SEVERITY)
    assert {str(phase) for phase in Phase} - {"candidate"} == set(wording.PHASES)
    assert {str(outcome) for outcome in Outcome} == set(wording.OUTCOMES) == set(palette.OUTCOME)
    assert {str(state) for state in ProposalState} == set(wording.SUSPECTED_STATES) == set(palette.SUSPECTED)
    assert {str(kind) for kind in PlaceKind} == set(wording.SUSPECTED_KINDS)
    assert {str(kind) for kind in ZoneKind} == set(palette.ZONE)
    assert {str(state) for state in ManifestState} == set(wording.MANIFEST_STATES) == set(palette.MANIFEST)
    assert set(Kind) == set(wording.KINDS)
    assert {limit.value for limit in Limit} == set(wording.LIMITS)
    assert {str(reason) for reason in Reason} <= {str(reason) for reason in wording.REASONS}
    assert {str(load) for load in wording.LOADS} == set(palette.LOAD)


def test_a_severity_has_one_colour_on_boards_and_in_the_console() -> None:
    source = ROOT / "api" / "console" / "web" / "src"
    style, frame = ((source / name).read_text(encoding="utf-8") for name in ("map/style.ts", "style/frame.css"))
    [constant] = re.findall(r"const SEVERITY_COLOURS = \{(.*?)\}", style)
    assert dict(re.findall(r'(P\d): "(#\w+)"', constant)) == palette.SEVERITY
    assert {name.upper(): colour for name, colour in re.findall(r"--(p\d): (#\w+)", frame)} == palette.SEVERITY


def test_thresholds_are_those_of_the_rules() -> None:
    rule = BinOverflowParameters()
    assert (rule.warn_pct, rule.full_pct) == (palette.FILL_WARN_PCT, palette.FILL_FULL_PCT)
    assert rule.emptied_points == palette.EMPTIED_POINTS
    assert (BinFireParameters().warm_c, BinFireParameters().fire_c) == (palette.WARM_C, palette.FIRE_C)
    assert MAX_AHEAD_MS == palette.MAX_CLOCK_AHEAD_MS


def test_provisioning_matches_the_compose_file() -> None:
    root = PROVISIONING.parents[1]
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "influxdb.yaml").read_text())["datasources"]
    providers = yaml.safe_load((PROVISIONING / "dashboards" / "boards.yaml").read_text())["providers"]
    services = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    grafana, influx = services["grafana"], services["influxdb"]
    assert source["jsonData"]["dbName"] == influx["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    [password] = re.findall(r"\$__file\{/run/secrets/(\w+)\}", source["secureJsonData"]["password"])
    assert password in grafana["secrets"]
    assert password in influx["secrets"], "its first start creates that login"
    [mounted] = [target for target in (m.split(":")[-2] for m in grafana["volumes"]) if target.endswith("/boards")]
    assert {Path(p["options"]["path"]) for p in providers} == {Path(mounted, language) for language in Language}
    assert len({p["folder"] for p in providers}) == len(providers)
