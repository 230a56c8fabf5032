"""Figures as tables for people: narrow ones for 80 columns, and with bounds and implied precision from 120 on."""

from collections.abc import Callable, Sequence
from typing import Final

from haulwatch.evaluation.intervals import Interval
from haulwatch.evaluation.summary import SIMULATED, Row, Standing

WIDE_COLUMNS: Final = 120
_IN_MINUTES_FROM_S: Final = 600.0
_MARKS: Final = {Standing.MET: "✓", Standing.OPEN: "?", Standing.MISSED: "✗", Standing.NONE: ""}
_PLAIN_MARKS: Final = {Standing.MET: "+", Standing.OPEN: "?", Standing.MISSED: "x", Standing.NONE: ""}

Columns = Sequence[tuple[str, Callable[[Row], str]]]


class Tables:
    """Writes rows as cells. `unicode`: the terminal shows ✓ and ✗."""

    def __init__(self, *, wide: bool, unicode: bool) -> None:
        self._wide = wide
        self._marks = _MARKS if unicode else _PLAIN_MARKS
        columns: list[tuple[str, Callable[[Row], str]]] = [
            ("rule", lambda row: row.name),
            ("found", _found),
            ("recall %", self._recall),
            ("precision %", self._precision),
            ("delay", self._delay),
            ("false/day", self._rate),
        ]
        if wide:
            columns[5:] = [
                ("confirmed", lambda row: _seconds(row.confirmed_s) if row.target.confirmed_s else ""),
                ("twice", lambda row: _count(row.tally.duplicates)),
                ("withdrawn", lambda row: _count(row.tally.withdrawn)),
                ("false", lambda row: _count(row.tally.false_alarms)),
                ("false/day", self._rate),
                ("at most", lambda row: "" if row.false_bound is None else f"{row.false_bound:.4f}"),
                ("in field", _implied),
            ]
        self._columns: Columns = columns

    @property
    def headings(self) -> list[str]:
        return [heading for heading, _ in self._columns]

    def cells(self, row: Row) -> list[str]:
        return [write(row) for _, write in self._columns]

    def legend(self, incidents_per_day: float) -> list[str]:
        """What the marks and columns mean, one line each."""
        met, open_, missed = (self._marks[one] for one in (Standing.MET, Standing.OPEN, Standing.MISSED))
        marks = (
            f"{met} meets its target with its whole 95 % interval; {open_} meets it, with too few cases to know; "
            f"{missed} misses it."
        )
        columns = (
            "recall, precision: with Wilson's interval. delay: median/p90 in s or min (m) from the beginning of an"
            " incident until people are told, by receive time; its mark is by the median. false/day: false alarms per"
            " truck-day, a shift of 8 h; of bins and lines per device-day."
        )
        bounds = (
            "at most: the rate is lower with 95 % confidence. in field: the precision that recall and 'at most' imply"
            f" at {incidents_per_day:.2g} incidents per truck-day (--base-rate)."
        )
        honesty = f"All figures are {SIMULATED}: they compare rules with labels of a generator, not with the field."
        return [marks, columns, *([bounds] if self._wide else []), honesty]

    def _recall(self, row: Row) -> str:
        return self._share(row.recall, row.recall_interval, row.recall_standing)

    def _precision(self, row: Row) -> str:
        return self._share(row.precision, row.precision_interval, row.precision_standing)

    def _share(self, value: float | None, interval: Interval | None, standing: Standing) -> str:
        if value is None or interval is None:
            return "-"
        return f"{_percent(value)} {int(100 * interval.low)}-{_percent_up(interval.high)} {self._marks[standing]}"

    def _delay(self, row: Row) -> str:
        if row.delay_s is None:
            return "-"
        return f"{_seconds(row.delay_s)}/{_seconds(row.delay_p90_s)} {self._marks[row.delay_standing]}"

    def _rate(self, row: Row) -> str:
        if row.false_per_day is None:
            return "-"
        return f"{row.false_per_day:.4f}".rstrip("0").rstrip(".") + f" {self._marks[row.false_standing]}"


def _found(row: Row) -> str:
    tally = row.tally
    if not tally.incidents and tally.unseen:
        return "no sensor"
    return f"{tally.found}/{tally.incidents}"


def _percent(share: float) -> str:
    """Rounded down, so that 99.96 % does not look like all."""
    tenths = int(share * 1000 + 1e-9)
    return "100" if tenths == 1000 else f"{tenths / 10:.1f}"


def _percent_up(share: float) -> int:
    return -int(-100 * share // 1)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value < _IN_MINUTES_FROM_S else f"{value / 60:.0f}m"


def _count(value: int) -> str:
    return str(value) if value else ""


def _implied(row: Row) -> str:
    return "" if row.implied_least is None else f"≥{100 * row.implied_least:.2g} %"
