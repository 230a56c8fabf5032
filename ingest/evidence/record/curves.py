"""The curves of a record: what a device measured around the incident, a panel for each quantity, a lane a switch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib.colors import Color, HexColor

from devices.readings.instants import HOUR_MS, MINUTE_MS
from ingest.evidence.readings import Heard
from ingest.evidence.record.fonts import RecordFont
from ingest.evidence.record.layout import rectangle
from ingest.evidence.record.words import Words

QUANTITIES: Final = (
    "speed_kmh", "load_kg", "gross_kg", "fill_pct", "temperature_c", "hopper_pct", "rate_t_per_h", "queue_trucks",
)  # fmt: skip
SWITCHES: Final = ("lift_up", "cover_open", "ignition_on", "running", "online")
AROUND_MS: Final = 30 * MINUTE_MS
"""Shown before and after the incident."""
MAX_SPAN_MS: Final = 26 * HOUR_MS
_PANEL_PT: Final = 92.0
_LANE_PT: Final = 15.0
_AXIS_PT: Final = 16.0
_LEFT_PT: Final = 62.0
_INK: Final = HexColor(0x222222)
_GRID: Final = HexColor(0xD8DCE0)
_CURVE: Final = HexColor(0x0072B2)
_ON: Final = HexColor(0xD55E00)
_INCIDENT: Final = Color(0.835, 0.369, 0.0, alpha=0.09)
_STEPS_MS: Final = tuple(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360))
_MAX_POINTS: Final = 4_000
_BREAK_MS: Final = 10 * MINUTE_MS
"""A longer gap is no line."""


class Sample(NamedTuple):
    ts: int
    value: float


@dataclass(frozen=True, slots=True)
class Span:
    """The incident, and what is shown around it; device time, ms."""

    start: int
    end: int
    since: int
    until: int

    @classmethod
    def around(cls, start: int, end: int) -> "Span":
        end = min(max(start, end), start + MAX_SPAN_MS - 2 * AROUND_MS)
        return cls(start, end, start - AROUND_MS, end + AROUND_MS)

    def where_measured(self, samples: Mapping[str, Sequence["Sample"]]) -> "Span":
        """Without what comes before the first and after the last sample, but a minute; the incident stays."""
        times = [sample.ts for own in samples.values() for sample in own] or [self.start]
        since = max(self.since, min(self.start, *times) - MINUTE_MS)
        return replace(self, since=since, until=min(self.until, max(self.end, *times) + MINUTE_MS))


def samples_of(heard: Sequence[Heard], device_id: str, span: Span) -> dict[str, list[Sample]]:
    """By quantity or switch, in the order of device time; what the device never reported is left out."""
    found: dict[str, list[Sample]] = {}
    own = [one.reading for one in heard if one.reading.device_id == device_id and not one.refused]
    for reading in sorted(own, key=lambda reading: reading.ts):
        if not span.since <= reading.ts <= span.until:
            continue
        for name in (*QUANTITIES, *SWITCHES):
            value = getattr(reading, name, None)
            if value is not None:
                found.setdefault(name, []).append(Sample(reading.ts, float(value)))
    return {name: _thinned(samples) for name, samples in found.items()}


def _thinned(samples: list[Sample]) -> list[Sample]:
    return samples[:: max(1, len(samples) // _MAX_POINTS)]


def draw_curves(
    samples: Mapping[str, Sequence[Sample]], span: Span, zone: ZoneInfo, font: RecordFont, words: Words, width: float
) -> Drawing | None:
    """None where nothing was measured."""
    panels = [name for name in QUANTITIES if name in samples]
    lanes = [name for name in SWITCHES if name in samples]
    if not panels and not lanes:
        return None
    height = _PANEL_PT * len(panels) + _LANE_PT * len(lanes) + _AXIS_PT + 6
    drawing, plot = Drawing(width, height), width - _LEFT_PT - 6

    def x_of(ts: int) -> float:
        return _LEFT_PT + plot * (ts - span.since) / (span.until - span.since)

    left, right = x_of(span.start), x_of(span.end)
    shade = rectangle(left, _AXIS_PT, max(right - left, 1.0), height - _AXIS_PT, _INCIDENT)
    drawing.add(shade)
    _add_times(drawing, span, zone, font, x_of, height)
    top = height
    for name in panels:
        top -= _PANEL_PT
        _add_panel(drawing, samples[name], words.curve_names[name], font, x_of, top + 6, plot)
    for name in lanes:
        top -= _LANE_PT
        _add_lane(drawing, samples[name], words.curve_names[name], font, x_of, top, span)
    return drawing


def _add_times(
    drawing: Drawing, span: Span, zone: ZoneInfo, font: RecordFont, x_of: Callable[[int], float], height: float
) -> None:
    step = next((one for one in _STEPS_MS if (span.until - span.since) / one <= 9), _STEPS_MS[-1])
    first = -(-span.since // step) * step
    for ts in range(first, span.until + 1, step):
        x = x_of(ts)
        drawing.add(Line(x, _AXIS_PT, x, height, strokeColor=_GRID, strokeWidth=0.4))
        text = datetime.fromtimestamp(ts / 1000, zone).strftime("%H:%M")
        drawing.add(String(x, 4, text, fontName=font.name, fontSize=7, textAnchor="middle"))


def _add_panel(
    drawing: Drawing, samples: Sequence[Sample], name: str, font: RecordFont, x_of: Callable[[int], float],
    bottom: float, plot: float,
) -> None:  # fmt: skip
    tall = _PANEL_PT - 24
    low, high = _bounds([sample.value for sample in samples])
    drawing.add(String(_LEFT_PT, bottom + tall + 5, name, fontName=font.name, fontSize=8, fillColor=_INK))

    def y_of(value: float) -> float:
        return bottom + tall * (value - low) / (high - low)

    for value in (low, (low + high) / 2, high):
        y = y_of(value)
        drawing.add(Line(_LEFT_PT, y, _LEFT_PT + plot, y, strokeColor=_GRID, strokeWidth=0.4))
        text = f"{value:,.0f}" if high - low >= 4 else f"{value:.1f}"
        drawing.add(String(_LEFT_PT - 4, y - 2.5, text, fontName=font.name, fontSize=7, textAnchor="end"))
    run: list[Sample] = []
    for sample in (*samples, None):
        if run and (sample is None or sample.ts - run[-1].ts > _BREAK_MS):
            _add_run(drawing, run, x_of, y_of)
            run = []
        if sample is not None:
            run.append(sample)


def _add_run(
    drawing: Drawing, run: Sequence[Sample], x_of: Callable[[int], float], y_of: Callable[[float], float]
) -> None:
    points = [value for sample in run for value in (x_of(sample.ts), y_of(sample.value))]
    if len(run) > 1:
        drawing.add(PolyLine(points, strokeColor=_CURVE, strokeWidth=1.2))
    if len(run) < 40:
        for sample in run:
            drawing.add(Circle(x_of(sample.ts), y_of(sample.value), 1.6, fillColor=_CURVE, strokeColor=None))


def _add_lane(
    drawing: Drawing, samples: Sequence[Sample], name: str, font: RecordFont, x_of: Callable[[int], float],
    bottom: float, span: Span,
) -> None:  # fmt: skip
    drawing.add(String(_LEFT_PT - 4, bottom + 4, name, fontName=font.name, fontSize=7, textAnchor="end"))
    drawing.add(Line(_LEFT_PT, bottom + 2, x_of(span.until), bottom + 2, strokeColor=_GRID, strokeWidth=0.4))
    for sample, following in zip(samples, [*samples[1:], None], strict=True):
        if sample.value:
            until = min(following.ts if following is not None else sample.ts + MINUTE_MS, sample.ts + _BREAK_MS)
            left, right = x_of(sample.ts), x_of(min(until, span.until))
            width = max(right - left, 0.8)
            drawing.add(rectangle(left, bottom + 2, width, _LANE_PT - 6, _ON))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Round numbers around the values and zero, with a round one in the middle."""
    low, high = min(values), max(values)
    low = min(low, 0.0)
    step = _round_up((high - low) / 2 or 0.5)
    low = math.floor(low / step) * step
    return low, low + step * max(2, 2 * math.ceil((high - low) / (2 * step)))


def _round_up(step: float) -> float:
    """To 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(nice * power for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if nice * power >= step * (1 - 1e-9))
