"""InfluxQL queries for panels, in the subset that InfluxDB 1, 2 and 3 share. Names come from `devices.readings.series`.

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
"""The uid in grafana/provisioning/datasources."""

EACH_INTERVAL: Final = "time($__interval)"


@dataclass(frozen=True, slots=True)
class Series:
    """A measurement with its tags and fields. A name that is neither raises KeyError."""

    measurement: str
    tags: tuple[str, ...]
    fields: tuple[str, ...]
    condition: str = ""
    """A condition of every query of this measurement."""

    def __getitem__(self, name: str) -> str:
        if name not in self.tags and name not in self.fields:
            raise KeyError(f"{self.measurement} has no tag or field {name!r}")
        return f'"{name}"'

    def newest(self, *names: str) -> str:
        """The fields of the newest row that has the first of them, all of that one instant: a value that this row does
        not have is empty, and not that of an hour ago.
        """
        first, *others = (self[name] for name in names)
        return ", ".join((f"last({first}) AS {first}", *others))

    def columns(self, *names: str) -> str:
        return ", ".join(self[name] for name in names)

    def chosen(self, *variables: str) -> tuple[str, ...]:
        """Conditions for the values the viewer chose of the tags with these names. `All` is `.*`."""
        return tuple(f"{self[name]} =~ /^${{{name}:regex}}$/" for name in variables)

    def select(self, what: str, *where: str, by: str = "", rest: str = "", always: bool = False) -> str:
        """A query of the time span the viewer chose. `what`: the selected expressions; `rest`: ORDER BY, LIMIT.

        `always`: of all times, for what still holds however long ago it began.
        """
        span = () if always else ("$timeFilter",)
        conditions = " AND ".join((*span, *((self.condition,) if self.condition else ()), *where))
        grouped = f" GROUP BY {by}" if by else ""
        return f'SELECT {what} FROM "{self.measurement}" WHERE {conditions}{grouped}{rest and " " + rest}'  # noqa: S608

    def by(self, *tags: str, each_interval: bool = False, fill: str = "none") -> str:
        """The content of a GROUP BY clause."""
        keys = ", ".join(([EACH_INTERVAL] if each_interval else []) + [self[tag] for tag in tags])
        return f"{keys} fill({fill})" if each_interval else keys


def select_from(inner: str, what: str, *where: str, by: str = "") -> str:
    """A query over the rows of another query."""
    grouped = f" GROUP BY {by}" if by else ""
    return f"SELECT {what} FROM ({inner}) WHERE {' AND '.join(('$timeFilter', *where))}{grouped}"  # noqa: S608


def tag_values(tag: str, source: Series, *where: str) -> str:
    """The query of a variable: the values of a tag."""
    source[tag]  # raises KeyError for a tag that does not exist
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    return f'SHOW TAG VALUES FROM "{source.measurement}" WITH KEY = "{tag}"{conditions}'


def _series_of(kind: Kind) -> Series:
    compartment = ("compartment",) if kind is Kind.FILL else ()
    fields = (*series.FIELDS[kind], *series.DERIVED_FIELDS.get(kind, ()))
    return Series(str(kind), (*compartment, "device", *series.AREA_TAGS), fields)


KINDS: Final[Mapping[Kind, Series]] = {kind: _series_of(kind) for kind in Kind}
POSITION: Final = KINDS[Kind.POSITION]
WEIGHING: Final = KINDS[Kind.WEIGHING]
FILL: Final = KINDS[Kind.FILL]
THROUGHPUT: Final = KINDS[Kind.THROUGHPUT]
STATUS: Final = KINDS[Kind.STATUS]
ALERT: Final = Series(series.ALERT_MEASUREMENT, (*series.ALERT_TAGS, *series.AREA_TAGS), series.ALERT_FIELDS)
EMPTYING: Final = Series(
    series.EMPTYING_MEASUREMENT, series.EMPTYING_TAGS, series.EMPTYING_FIELDS, condition='"counted" = 1'
)
ALERT_STATE: Final = Series(series.ALERT_STATE_MEASUREMENT, series.ALERT_STATE_TAGS, series.ALERT_STATE_FIELDS)
SUSPECTED_SITE: Final = Series(
    series.SUSPECTED_SITE_MEASUREMENT, series.SUSPECTED_SITE_TAGS, series.SUSPECTED_SITE_FIELDS
)
CITY_LOADS: Final = Series(series.CITY_LOADS_MEASUREMENT, series.CITY_LOADS_TAGS, series.CITY_LOADS_FIELDS)
MANIFEST: Final = Series(series.MANIFEST_MEASUREMENT, series.MANIFEST_TAGS, series.MANIFEST_FIELDS)
INDICATOR: Final = Series(series.INDICATOR_MEASUREMENT, series.INDICATOR_TAGS, series.INDICATOR_FIELDS)
PLACE: Final = Series(series.PLACE_MEASUREMENT, series.PLACE_TAGS, series.PLACE_FIELDS)


def health(part: str) -> Series:
    """One part of the health that ingestion reports, by the value of tag `part`. Raises KeyError."""
    fields = series.HEALTH_FIELDS[part]
    tags = series.HEALTH_TAGS
    return Series(series.HEALTH_MEASUREMENT, tags, fields, condition=f"\"{tags[tags.index('part')]}\" = '{part}'")


def required_field(kind: Kind) -> str:
    """A field that every reading of the kind has, so that its count is the number of readings."""
    return series.REQUIRED_FIELDS[kind][0]


@dataclass(frozen=True, slots=True)
class Query(Builder[Dataquery], Dataquery):
    """A raw InfluxQL query in the form of Grafana's InfluxDB plugin; the SDK has no type for it."""

    text: str
    alias: str = ""
    """Name of the time series: `$tag_device`, `$col` or plain text."""
    table: bool = False
    ref: str = "A"
    annotation: Mapping[str, str] | None = None
    """The columns that give an annotation its text and tags."""

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, Any]:
        """The query as it is stored in a board."""
        query_json: dict[str, Any] = {
            "refId": self.ref,
            "datasource": {"type": SOURCE_TYPE, "uid": SOURCE_UID},
            "rawQuery": True,
            "query": self.text,
            "resultFormat": "table" if self.table else "time_series",
            "alias": self.alias,
        }
        if self.annotation is not None:
            query_json |= {"fromAnnotations": True, **self.annotation}
        return query_json


def table_query(text: str, ref: str = "A") -> Query:
    """A query whose result is one table."""
    return Query(text, table=True, ref=ref)
