"""The first board as code: what comes in, where the trucks are, how full the points are, what is wrong.

`python -m grafana.boards` writes `grafana/boards/overview.json`. Queries are InfluxQL, the language that InfluxDB 1, 2
and 3 share, and every name in them comes from `devices.series`.
"""

import json
from pathlib import Path
from typing import Any, Final

from devices.readings import MODELS, Kind
from devices.series import ALERT_FIELDS, ALERT_MEASUREMENT, ALERT_TAGS, FIELDS

BOARDS: Final = Path(__file__).parent / "boards"
DATA_SOURCE: Final = {"type": "influxdb", "uid": "haulwatch"}
"""As grafana/provisioning/datasources names it."""

_FILL_WARN_PCT: Final = 80
_FILL_FULL_PCT: Final = 90
"""Colours only; what raises an alert is the rule's own parameters."""

Json = dict[str, Any]


def overview() -> Json:
    """The board an operations centre opens first, in Grafana's classic JSON."""
    panels = [_rates(), _trucks(), _fill(), _alerts()]
    return {
        "uid": "haulwatch-overview",
        "title": "Haulwatch overview",
        "tags": ["haulwatch"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }


def _rates() -> Json:
    targets = []
    for letter, kind in zip("ABCDE", Kind, strict=True):
        # Every reading of the kind carries it, so that counting it counts readings.
        always = next(name for name in FIELDS[kind] if MODELS[kind].model_fields[name].is_required())
        # Grafana knows how long its interval is; InfluxQL has no function that does.
        rate = f"count({_field(kind, always)}) * 1000 / $__interval_ms"
        query = _select(rate, kind, "GROUP BY time($__interval) fill(0)")
        targets.append(_target(letter, query, alias=str(kind)))
    panel = _panel("timeseries", "Readings per second, by kind", (0, 0, 12, 9), targets)
    panel["interval"] = "10s"
    panel["fieldConfig"] = {"defaults": {"unit": "cps", "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []}
    return panel


def _trucks() -> Json:
    kind = Kind.POSITION
    shown = ", ".join(
        f"last({_field(kind, name)}) AS {_field(kind, name)}" for name in ("lat", "lon", "speed_kmh", "lift_up")
    )
    query = _select(shown, kind, 'GROUP BY "device"')
    panel = _panel("geomap", "Trucks, last position", (12, 0, 12, 18), [_target("A", query, table=True)])
    panel["options"] = {
        "view": {"id": "fit", "allLayers": True, "padding": 10},
        "basemap": {"type": "default", "name": "Map"},
        "layers": [
            {
                "type": "markers",
                "name": "Trucks",
                "location": {"mode": "coords", "latitude": "lat", "longitude": "lon"},
                "config": {
                    "showLegend": False,
                    "style": {
                        "size": {"fixed": 6},
                        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                        "text": {"mode": "field", "field": "device"},
                        "textConfig": {"fontSize": 11, "offsetY": 12},
                    },
                },
                "tooltip": True,
            }
        ],
        "tooltip": {"mode": "details"},
    }
    return panel


def _fill() -> Json:
    query = _select(f"last({_field(Kind.FILL, 'fill_pct')})", Kind.FILL, 'GROUP BY "device", "compartment"')
    targets = [_target("A", query, alias="$tag_device $tag_compartment")]
    panel = _panel("bargauge", "Recycling points, last fill", (0, 9, 12, 9), targets)
    steps = [
        {"color": "green", "value": None},
        {"color": "orange", "value": _FILL_WARN_PCT},
        {"color": "red", "value": _FILL_FULL_PCT},
    ]
    defaults = {"unit": "percent", "min": 0, "max": 100, "thresholds": {"mode": "absolute", "steps": steps}}
    panel["fieldConfig"] = {"defaults": defaults, "overrides": []}
    panel["options"] = {
        "orientation": "horizontal",
        "displayMode": "basic",
        "reduceOptions": {"calcs": ["lastNotNull"]},
    }
    return panel


def _alerts() -> Json:
    columns = ", ".join(f'"{name}"' for name in (*ALERT_TAGS, *ALERT_FIELDS))
    query = _select(columns, ALERT_MEASUREMENT, "ORDER BY time DESC LIMIT 200")
    panel = _panel("table", "Alerts, newest change first", (0, 18, 24, 10), [_target("A", query, table=True)])
    colours = {
        "P1": {"color": "dark-red", "index": 0},
        "P2": {"color": "orange", "index": 1},
        "P3": {"color": "yellow", "index": 2},
        "P4": {"color": "blue", "index": 3},
    }
    severity = [
        {"id": "mappings", "value": [{"type": "value", "options": colours}]},
        {"id": "custom.cellOptions", "value": {"type": "color-background"}},
        {"id": "custom.width", "value": 80},
    ]
    opened = [{"id": "unit", "value": "dateTimeAsLocal"}]
    panel["fieldConfig"] = {
        "defaults": {},
        "overrides": [
            {"matcher": {"id": "byName", "options": "severity"}, "properties": severity},
            {"matcher": {"id": "byName", "options": "opened_at"}, "properties": opened},
        ],
    }
    return panel


def _select(what: str, measurement: str, rest: str) -> str:
    """InfluxQL over the time span the viewer chose."""
    return f'SELECT {what} FROM "{measurement}" WHERE $timeFilter {rest}'  # noqa: S608  (every name is our own)


def _field(kind: Kind, name: str) -> str:
    """A field's quoted name. Raises ValueError when the kind has no such field (any more)."""
    return f'"{FIELDS[kind][FIELDS[kind].index(name)]}"'


def _panel(kind: str, title: str, place: tuple[int, int, int, int], targets: list[Json]) -> Json:
    """`place` is x, y, width, height on Grafana's grid of 24 columns."""
    x, y, width, height = place
    return {
        "type": kind,
        "title": title,
        "datasource": DATA_SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "targets": targets,
    }


def _target(letter: str, query: str, *, alias: str = "", table: bool = False) -> Json:
    return {
        "refId": letter,
        "datasource": DATA_SOURCE,
        "rawQuery": True,
        "query": query,
        "resultFormat": "table" if table else "time_series",
        "alias": alias,
    }


def as_json(board: Json) -> str:
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def write_boards(folder: Path = BOARDS) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "overview.json").write_text(as_json(overview()), encoding="utf-8")


if __name__ == "__main__":
    write_boards()
