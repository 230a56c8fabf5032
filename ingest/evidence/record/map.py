"""The map of a record: tracks, fences, zones and approved routes around the place of the alert, on the city's plane."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import shapely
from reportlab.graphics.shapes import Circle, Drawing, Group, Line, Polygon, PolyLine, String
from reportlab.lib.colors import Color, HexColor
from shapely.affinity import affine_transform
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from devices.city.model import City
from devices.city.sites import ZoneKind
from devices.geo.geometry import XY, LatLon
from ingest.evidence.readings import Fix
from ingest.evidence.record.fonts import RecordFont
from ingest.evidence.record.layout import rectangle
from ingest.evidence.record.words import Words

BEFORE: Final = HexColor(0x0072B2)
DURING: Final = HexColor(0xD55E00)
AFTER: Final = HexColor(0x7A5195)
"""Told apart by people who see red and green alike, and by their brightness in a black and white print."""
_FENCE: Final = HexColor(0x009E73)
_ZONE: Final = HexColor(0x8C6D1F)
_ROUTE: Final = HexColor(0x9AA5B1)
_CORRIDOR: Final = HexColor(0xE6EAEE)
_INK: Final = HexColor(0x222222)
_PAPER: Final = HexColor(0xFAFAF7)
_LEAST_M: Final = 400.0
_MOST_M: Final = 12_000.0
_MARGIN: Final = 0.12
_SCALES_M: Final = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
_LEGEND_PT: Final = 40.0


@dataclass(frozen=True, slots=True)
class MapData:
    """What a map shows."""

    city: City
    tracks: Mapping[str, Sequence[Fix]]
    subject: str
    start: int
    """Device time, ms: the incident."""
    end: int
    place: LatLon | None
    marked: frozenset[tuple[str, int]]
    """Device and device time of the readings that the alert rests on."""
    in_force: Mapping[str, Any]
    corridor_m: float
    """Half the width of a route that has none of its own."""


@dataclass(frozen=True, slots=True)
class _View:
    west: float
    south: float
    scale: float
    """Points a metre."""
    width: float
    height: float

    def at(self, place: XY) -> tuple[float, float]:
        return (place.x - self.west) * self.scale, (place.y - self.south) * self.scale + _LEGEND_PT

    @property
    def box(self) -> shapely.Polygon:
        return shapely.box(
            self.west, self.south, self.west + self.width / self.scale, self.south + self.height / self.scale
        )


def draw_map(data: MapData, font: RecordFont, words: Words, width: float, height: float) -> Drawing | None:
    """None where no position is known."""
    city = data.city
    places = [city.plane.xy(fix.place) for fix in data.tracks.get(data.subject, ())]
    if data.place is not None:
        places.append(city.plane.xy(data.place))
    focus = _focus(data) or places
    if not focus:
        return None
    view = _view(focus, width, height - _LEGEND_PT)
    drawing = Drawing(width, height)
    drawing.add(rectangle(0, _LEGEND_PT, width, view.height, _PAPER, _ROUTE))
    labels: list[tuple[float, float, str]] = []
    for zone in data.in_force["zones"]:
        colour = DURING if zone["kind"] == ZoneKind.FORBIDDEN else _ZONE
        _add_area(drawing, view, city, zone, colour, labels, words.name_field)
    for route in data.in_force["routes"]:
        _add_route(drawing, view, _on_plane(city, route["geometry"]), route["corridor_m"] or data.corridor_m)
    for fence in data.in_force["fences"]:
        _add_area(drawing, view, city, fence, _FENCE, labels, words.name_field)
    for device_id, track in data.tracks.items():
        _add_track(drawing, view, data, device_id, track)
    _add_labels(drawing, view, labels, font)
    if data.place is not None:
        x, y = view.at(city.plane.xy(data.place))
        drawing.add(Circle(x, y, 9, fillColor=None, strokeColor=DURING, strokeWidth=2))
    _add_scale(drawing, view, font)
    _add_legend(drawing, words, font, width)
    return drawing


def _focus(data: MapData) -> list[XY]:
    """The place of the alert and the fixes of the incident."""
    plane = data.city.plane
    found = [plane.xy(data.place)] if data.place is not None else []
    own = data.tracks.get(data.subject, ())
    return found + [plane.xy(fix.place) for fix in own if data.start - 120_000 <= fix.ts <= data.end + 60_000]


def _view(places: Sequence[XY], width: float, height: float) -> _View:
    xs, ys = [place.x for place in places], [place.y for place in places]
    span = max(max(xs) - min(xs), (max(ys) - min(ys)) * width / height, _LEAST_M * width / height)
    wide_m = min(span * (1 + 2 * _MARGIN), _MOST_M)
    scale = width / wide_m
    west = (min(xs) + max(xs)) / 2 - wide_m / 2
    south = (min(ys) + max(ys)) / 2 - height / scale / 2
    return _View(west, south, scale, width, height)


def _on_plane(city: City, geometry: Mapping[str, Any]) -> BaseGeometry:
    origin, one = city.plane.xy(LatLon(0.0, 0.0)), city.plane.xy(LatLon(1.0, 1.0))
    matrix = [one.x - origin.x, 0.0, 0.0, one.y - origin.y, origin.x, origin.y]
    moved: BaseGeometry = affine_transform(shape(dict(geometry)), matrix)
    return moved


def _points(view: _View, coordinates: Iterable[tuple[float, ...]]) -> list[float]:
    return [value for x, y, *_ in coordinates for value in view.at(XY(x, y))]


def _add_area(
    drawing: Drawing, view: _View, city: City, part: Mapping[str, Any], colour: Color,
    labels: list[tuple[float, float, str]], name_field: str,
) -> None:  # fmt: skip
    whole = _on_plane(city, part["geometry"])
    if whole.covers(view.box):
        return  # nothing of it is to be seen, and it lies under all the rest
    seen = whole.intersection(view.box)
    for piece in shapely.get_parts(seen):
        if isinstance(piece, shapely.Polygon) and not piece.is_empty:
            ring = _points(view, piece.exterior.coords)
            fill = None if colour is _ZONE else Color(colour.red, colour.green, colour.blue, alpha=0.10)
            drawing.add(Polygon(ring, fillColor=fill, strokeColor=colour, strokeWidth=0.9))
            x, y = view.at(XY(piece.representative_point().x, piece.bounds[1]))
            labels.append((x, y - 8, f"{part[name_field]} v{part['version']}"))


def _add_route(drawing: Drawing, view: _View, line: BaseGeometry, half_width_m: float) -> None:
    """Its corridor, and its line."""
    corridor = line.buffer(half_width_m).intersection(view.box)
    for piece in shapely.get_parts(corridor):
        if isinstance(piece, shapely.Polygon) and not piece.is_empty:
            drawing.add(Polygon(_points(view, piece.exterior.coords), fillColor=_CORRIDOR, strokeColor=None))
    for piece in shapely.get_parts(line.intersection(view.box)):
        if isinstance(piece, shapely.LineString) and piece.length:
            points = _points(view, piece.coords)
            drawing.add(PolyLine(points, strokeColor=_ROUTE, strokeWidth=3.5, strokeLineCap=1))


def _add_track(drawing: Drawing, view: _View, data: MapData, device_id: str, track: Sequence[Fix]) -> None:
    plane, own = data.city.plane, device_id == data.subject
    before: XY | None = None
    for fix in track:
        here = plane.xy(fix.place)
        colour = BEFORE if fix.ts < data.start else DURING if fix.ts <= data.end else AFTER
        if before is not None:
            _add_line_piece(drawing, view, before, here, colour if own else _ROUTE, 1.6 if own else 0.8)
        before = here
    for fix in track:
        here = plane.xy(fix.place)
        if not view.box.covers(shapely.Point(here.x, here.y)):
            continue
        x, y = view.at(here)
        if (device_id, fix.ts) in data.marked:
            drawing.add(Circle(x, y, 3.2, fillColor=_INK, strokeColor=HexColor(0xFFFFFF), strokeWidth=0.8))
        elif own:
            colour = BEFORE if fix.ts < data.start else DURING if fix.ts <= data.end else AFTER
            drawing.add(Circle(x, y, 1.2, fillColor=colour, strokeColor=None))


def _add_line_piece(drawing: Drawing, view: _View, start: XY, end: XY, colour: Color, width: float) -> None:
    line = shapely.LineString([(start.x, start.y), (end.x, end.y)])
    if not line.length:
        return
    for piece in shapely.get_parts(line.intersection(view.box)):
        if isinstance(piece, shapely.LineString) and piece.length:
            drawing.add(Line(*_points(view, piece.coords), strokeColor=colour, strokeWidth=width, strokeLineCap=1))


def _add_labels(drawing: Drawing, view: _View, labels: Sequence[tuple[float, float, str]], font: RecordFont) -> None:
    """Names of areas, each once, none over another, all inside the map."""
    taken: list[tuple[float, float]] = []
    for x, y, text in dict.fromkeys(labels):
        y = max(y, _LEGEND_PT + 4)  # noqa: PLW2901 - the label is moved into the map
        if all(abs(y - other_y) > 9 or abs(x - other_x) > 70 for other_x, other_y in taken):
            taken.append((x, y))
            at = min(max(x, 45), view.width - 45)
            drawing.add(String(at, y, font.shown(text), fontName=font.name, fontSize=7, textAnchor="middle"))


def _add_scale(drawing: Drawing, view: _View, font: RecordFont) -> None:
    length_m = max((one for one in _SCALES_M if one * view.scale <= view.width / 4), default=_SCALES_M[0])
    right, y = view.width - 12, _LEGEND_PT + 12
    left = right - length_m * view.scale
    drawing.add(Line(left, y, right, y, strokeColor=_INK, strokeWidth=1.4))
    for x in (left, right):
        drawing.add(Line(x, y - 3, x, y + 3, strokeColor=_INK, strokeWidth=1.4))
    text = f"{length_m} m" if length_m < 1_000 else f"{length_m // 1_000} km"
    drawing.add(String((left + right) / 2, y + 4, text, fontName=font.name, fontSize=7, textAnchor="middle"))
    top, x = _LEGEND_PT + view.height - 26, view.width - 16
    drawing.add(Polygon([x, top + 12, x - 4, top, x, top + 3, x + 4, top], fillColor=_INK, strokeColor=None))
    drawing.add(String(x, top + 14, "N", fontName=font.name, fontSize=8, textAnchor="middle"))


def _add_legend(drawing: Drawing, words: Words, font: RecordFont, width: float) -> None:
    before, during, after, readings, place, route = words.map_legend
    entries: list[tuple[str, Any]] = [
        (before, _sample_line(BEFORE, 1.6)), (during, _sample_line(DURING, 1.6)), (after, _sample_line(AFTER, 1.6)),
        (route, _sample_line(_ROUTE, 3.5)), (readings, Circle(8, 3, 3.2, fillColor=_INK, strokeColor=None)),
        (place, Circle(8, 3, 5, fillColor=None, strokeColor=DURING, strokeWidth=1.6)),
    ]  # fmt: skip
    column = width / 3
    for index, (text, sample) in enumerate(entries):
        x, y = (index % 3) * column, 22 - 14 * (index // 3)
        group = Group(sample, String(22, 0, text, fontName=font.name, fontSize=8), transform=(1, 0, 0, 1, x, y))
        drawing.add(group)


def _sample_line(colour: Color, width: float) -> Line:
    return Line(0, 3, 16, 3, strokeColor=colour, strokeWidth=width, strokeLineCap=1)
