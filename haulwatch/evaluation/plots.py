"""Plots as PNG. Only this module imports matplotlib, which comes with the extra `plots`."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from haulwatch.evaluation.intervals import wilson
from haulwatch.evaluation.matching import Tally
from haulwatch.evaluation.run import Figures, Request
from haulwatch.evaluation.sweeps import Point, Sweeps
from rules.catalogue import CATALOGUE

_CHINESE_FONTS: Final = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Heiti SC", "Arial Unicode MS",
)  # fmt: skip
_COLOURS: Final = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#8C6D1F", "#7F7F7F",
)  # fmt: skip
_PERCENT: Final = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")
_DPI: Final = 130
_COLUMNS: Final = 4
_FROM_S: Final = 5.0
_TO_S: Final = 7_200.0
_DELAY_TICKS: Final = {10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h"}
"""Linear marks of a logarithmic axis."""


def chinese_font() -> str | None:
    """The name of an installed font with Chinese characters; None if there is none."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in installed), None)


class Plots:
    """Draws into a folder. Titles are in English, and in Chinese too where a font has the characters."""

    def __init__(self, folder: Path, request: Request) -> None:
        self._folder = folder
        self._chinese = chinese_font()
        seeds = "tuning" if request.tuning else "reporting"
        self._note = f"All figures are simulated (haulwatch evaluate, seed {request.seed}, {seeds})."
        if self._chinese is not None:
            self._note += " 全部数据均为仿真结果。"
        self._fonts: Any = {"font.family": [*([self._chinese] if self._chinese else []), "DejaVu Sans"]}

    def delay_recall(self, tiers: Sequence[Figures]) -> Path:
        """Per rule: the share of incidents of which people were told within a time; a line for each tier."""
        by_rule = {
            entry.name: [(one.tier, one.rules[entry.name]) for one in tiers if entry.name in one.rules]
            for entry in CATALOGUE
        }
        shown = {name: pairs for name, pairs in by_rule.items() if any(tally.incidents for _, tally in pairs)}
        rows, columns = max(1, ceil(len(shown) / _COLUMNS)), min(_COLUMNS, max(1, len(shown)))
        with mpl.rc_context(self._fonts):
            figure = Figure(figsize=(3.3 * columns + 0.4, 2.5 * rows + 1.5), layout="constrained")
            grid: Any = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
            axes: list[Axes] = list(grid.flat)
            for axis, (name, pairs) in zip(axes, shown.items(), strict=False):
                self._delay_panel(axis, name, pairs)
            for axis in axes[len(shown) :]:
                axis.set_visible(False)
            for row in grid:
                row[0].set_ylabel(self._text("share told", "已告警"))
            lines = {tier.tier: _COLOURS[n % len(_COLOURS)] for n, tier in enumerate(tiers)}
            self._legend(figure, lines)
            title = self._text(
                "Incidents of which people are told, by time since each began (simulated)",
                "事件发生后各时刻的告警召回率（仿真）",
                newline=True,
            )
            figure.suptitle(title, fontsize=13)
            return self._save(figure, "delay_recall.png")

    def dumping_threshold(self, points: Mapping[str, Sequence[Point]], in_force: float) -> Path:
        """Precision against recall of `illegal_dumping` as its threshold moves; a line for each tier."""
        with mpl.rc_context(self._fonts):
            figure = Figure(figsize=(8.2, 6.0), layout="constrained")
            axis = figure.subplots()
            silent = self._text("no alert at the score in force", "现行阈值下无告警")
            for number, (name, line) in enumerate(points.items()):
                drawn = [point for point in line if point.recall is not None and point.precision is not None]
                colour = _COLOURS[number % len(_COLOURS)]
                here = [point for point in drawn if point.at == in_force]
                axis.plot(
                    [point.recall or 0.0 for point in drawn],
                    [point.precision or 0.0 for point in drawn],
                    color=colour, linewidth=1.6, marker=".", markersize=5, label=name if here else f"{name}: {silent}",
                )  # fmt: skip
                axis.plot(
                    [point.recall or 0.0 for point in here],
                    [point.precision or 0.0 for point in here],
                    color=colour, marker="o", markersize=10, markerfacecolor="none", markeredgewidth=2, linestyle="",
                )  # fmt: skip
            axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
            axis.xaxis.set_major_formatter(_PERCENT)
            axis.set_xlabel(self._text("recall", "召回率"))
            axis.set_ylabel(self._text("precision", "准确率"))
            self._grid(axis)
            axis.legend(loc="lower left", frameon=False, ncols=2)
            axis.set_title(
                self._text(
                    f"illegal_dumping by the score from which people are told (simulated); ○ in force: {in_force:g}",
                    f"非法倾倒：不同评分阈值（仿真）；○ 现行阈值 {in_force:g}",
                    newline=True,
                ),
                fontsize=12,
            )
            return self._save(figure, "illegal_dumping_threshold.png")

    def deviation_power(self, points: Mapping[int, Sequence[Point]]) -> Path:
        """Detours found by `route_deviation` over their distance from the route; a line for each fix interval."""
        with mpl.rc_context(self._fonts):
            figure = Figure(figsize=(8.2, 5.4), layout="constrained")
            axis = figure.subplots()
            for number, (interval_s, line) in enumerate(points.items()):
                colour = _COLOURS[number % len(_COLOURS)]
                apart = 1.0 + 0.012 * (number - (len(points) - 1) / 2)  # so that intervals do not hide each other
                for_each = [(point, wilson(point.found, point.of)) for point in line]
                shown = [(point.at * apart, point.found / point.of, band) for point, band in for_each if band]
                axis.errorbar(
                    [x for x, _, _ in shown],
                    [share for _, share, _ in shown],
                    [[share - band.low for _, share, band in shown], [band.high - share for _, share, band in shown]],
                    color=colour, linewidth=1.8, marker="o", markersize=4, elinewidth=0.9, label=f"{interval_s} s",
                )  # fmt: skip
            axis.set_xscale("log")
            ticks = [point.at for point in next(iter(points.values()), ())]
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
            axis.set_ylim(-0.02, 1.02)
            axis.axvline(60.0, color="#999999", linewidth=1, linestyle=":")
            axis.annotate(
                self._text("corridor", "走廊"), (60.0, 0.6), xytext=(4, 0), textcoords="offset points", color="#666666"
            )
            axis.set_xlabel(self._text("metres beside the route, for 0.6 to 2 km", "偏离线路的横向距离（米）"))
            axis.set_ylabel(self._text("detours found", "检出率"))
            self._grid(axis)
            axis.legend(title=self._text("between fixes", "定位间隔"), loc="lower right", frameon=False)
            axis.set_title(
                self._text(
                    "route_deviation: power by fix interval (simulated), 95 % intervals",
                    "偏离线路：不同定位间隔的检出能力（仿真），95 % 区间",
                    newline=True,
                ),
                fontsize=12,
            )
            return self._save(figure, "route_deviation_power.png")

    def _delay_panel(self, axis: Axes, name: str, pairs: Sequence[tuple[str, Tally]]) -> None:
        for number, (_, tally) in enumerate(pairs):
            if tally.incidents:
                delays = sorted(max(delay, _FROM_S) for delay in tally.delays_s)
                xs = [_FROM_S, *delays, _TO_S]
                ys = [n / tally.incidents for n in (*range(len(delays) + 1), len(delays))]
                width = 3.0 - 1.8 * number / max(1, len(pairs) - 1)  # so that equal lines show beneath each other
                axis.step(xs, ys, where="post", color=_COLOURS[number % len(_COLOURS)], linewidth=width)
        axis.set_xscale("log")
        axis.set_xlim(_FROM_S, _TO_S)
        axis.set_ylim(-0.03, 1.03)
        axis.set_xticks(list(_DELAY_TICKS), list(_DELAY_TICKS.values()))
        axis.minorticks_off()
        axis.tick_params(labelbottom=True, labelsize=8)
        chinese = next(entry.title.zh for entry in CATALOGUE if entry.name == name)
        axis.set_title(self._text(name, chinese), fontsize=10)
        self._grid(axis)

    def _legend(self, figure: Figure, lines: Mapping[str, str]) -> None:
        handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in lines.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(9, len(handles)), frameon=False)

    def _grid(self, axis: Axes) -> None:
        axis.yaxis.set_major_formatter(_PERCENT)
        axis.grid(color="#DDDDDD", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)

    def _text(self, english: str, chinese: str, *, newline: bool = False) -> str:
        if self._chinese is None:
            return english
        return f"{english}\n{chinese}" if newline else f"{english} {chinese}"

    def _save(self, figure: Figure, name: str) -> Path:
        figure.supxlabel(self._note, x=0.99, ha="right", fontsize=8, color="#555555")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        figure.savefig(path, dpi=_DPI, facecolor="white")
        return path


def draw(request: Request, tiers: Sequence[Figures], folder: Path, sweeps: Sweeps, in_force: float) -> list[Path]:
    """Draw all plots into `folder`; returns their paths. `in_force`: the score from which people are told now."""
    plots = Plots(folder, request)
    paths = [plots.delay_recall(tiers)]
    if any(point.of for line in sweeps.thresholds.values() for point in line):
        paths.append(plots.dumping_threshold(sweeps.thresholds, in_force))
    if sweeps.detours:
        paths.append(plots.deviation_power(sweeps.detours))
    return paths
