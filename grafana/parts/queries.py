"""InfluxQL for panels, as InfluxDB 1, 2 and 3 share it. Every name in it comes from `devices.readings.series`.

Grafana fills in `$timeFilter`, `$__interval`, `$__interval_ms` and the board's variables (`${district:regex}`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

from devices.readings import series
from devices.readings.models import Kind

SOURCE_TYPE: Final = "influxdb"
SOURCE_UID: Final = "haulwatch"
"""As grafana/provisioning/datasources names it."""

EACH_INTERVAL: Final = "time($__interval)"


@dataclass(frozen=True, slots=True)
class Series:
    """A measurement with its tags and fields. Naming what it has not raises KeyError."""

    measurement: str
    tags: tuple[str, ...]
    fields: tuple[str, ...]
    always: str = ""
    """A condition that every query of it has."""

    def __getitem__(self, name: str) -> str:
        if name not in self.tags and name not in self.fields:
            raise KeyError(f"{self.measurement} has no tag or field {name!r}")
        return f'"{name}"'

    def last(self, *names: str) -> str:
        """The newest value of each field, under its own name."""
        return ", ".join(f"last({self[name]}) AS {self[name]}" for name in names)

    def columns(self, *names: str) -> str:
        return ", ".join(self[name] for name in names)

    def chosen(self, *variables: str) -> tuple[str, ...]:
        """Conditions: what the viewer chose for the tags of these names. All of them, and none, is `.*`."""
        return tuple(f"{self[name]} =~ /^${{{name}:regex}}$/" for name in variables)

    def select(self, what: str, *where: str, by: str = "", rest: str = "") -> str:
        """Over the time span the viewer chose."""
        conditions = " AND ".join(("$timeFilter", *((self.always,) if self.always else ()), *where))
        grouped = f" GROUP BY {by}" if by else ""
        return f'SELECT {what} FROM "{self.measurement}" WHERE {conditions}{grouped}{rest and " " + rest}'  # noqa: S608

    def by(self, *tags: str, each_interval: bool = False, fill: str = "none") -> str:
        """A GROUP BY clause's content."""
        keys = ", ".join(([EACH_INTERVAL] if each_interval else []) + [self[tag] for tag in tags])
        return f"{keys} fill({fill})" if each_interval else keys


def select_from(inner: str, what: str, *where: str, by: str = "") -> str:
    """A query over the rows of another."""
    grouped = f" GROUP BY {by}" if by else ""
    return f"SELECT {what} FROM ({inner}) WHERE {' AND '.join(('$timeFilter', *where))}{grouped}"  # noqa: S608


def tag_values(tag: str, source: Series, *where: str) -> str:
    """What a variable offers."""
    source[tag]
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    return f'SHOW TAG VALUES FROM "{source.measurement}" WITH KEY = "{tag}"{conditions}'


def _of_kind(kind: Kind) -> Series:
    compartment = ("compartment",) if kind is Kind.FILL else ()
    return Series(str(kind), (*compartment, "device", *series.AREA_TAGS), series.FIELDS[kind])


KINDS: Final[Mapping[Kind, Series]] = {kind: _of_kind(kind) for kind in Kind}
POSITION: Final = KINDS[Kind.POSITION]
WEIGHING: Final = KINDS[Kind.WEIGHING]
FILL: Final = KINDS[Kind.FILL]
THROUGHPUT: Final = KINDS[Kind.THROUGHPUT]
STATUS: Final = KINDS[Kind.STATUS]
ALERT: Final = Series(series.ALERT_MEASUREMENT, (*series.ALERT_TAGS, *series.AREA_TAGS), series.ALERT_FIELDS)
ALERT_STATE: Final = Series(series.ALERT_STATE_MEASUREMENT, series.ALERT_STATE_TAGS, series.ALERT_STATE_FIELDS)
PLACE: Final = Series(series.PLACE_MEASUREMENT, series.PLACE_TAGS, series.PLACE_FIELDS)


def health(part: str) -> Series:
    """One part of the account that ingestion gives of itself. Raises KeyError."""
    fields = series.HEALTH_FIELDS[part]
    tags = series.HEALTH_TAGS
    return Series(series.HEALTH_MEASUREMENT, tags, fields, always=f"\"{tags[tags.index('part')]}\" = '{part}'")


def always_there(kind: Kind) -> str:
    """A field that every reading of the kind carries, so that counting it counts readings."""
    return series.REQUIRED_FIELDS[kind][0]


@dataclass(frozen=True, slots=True)
class Query(Builder[Dataquery], Dataquery):
    """A raw InfluxQL query as Grafana's InfluxDB plugin stores it; the SDK has no type for it."""

    text: str
    alias: str = ""
    """Of a time series: `$tag_device`, `$col` or plain text."""
    table: bool = False
    ref: str = "A"
    annotation: Mapping[str, str] | None = None
    """Which columns an annotation takes its text and tags from."""

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, Any]:
        """As stored in a board."""
        said: dict[str, Any] = {
            "refId": self.ref,
            "datasource": {"type": SOURCE_TYPE, "uid": SOURCE_UID},
            "rawQuery": True,
            "query": self.text,
            "resultFormat": "table" if self.table else "time_series",
            "alias": self.alias,
        }
        if self.annotation is not None:
            said |= {"fromAnnotations": True, **self.annotation}
        return said


def rows(text: str, ref: str = "A") -> Query:
    """A query whose answer is one table."""
    return Query(text, table=True, ref=ref)
