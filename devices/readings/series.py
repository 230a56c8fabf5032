"""The schema of the time-series store: the only place that names measurements, tags and fields.

Recorder, alert publisher and board feed write by it; stores, API and boards read by it. Each kind of reading is a
measurement. Tags are few and of low cardinality: `device`, `site` or `fleet`, `district`, `compartment` for fill and
`closing` for status.
Everything else is a field. Points carry device time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, get_args, get_type_hints

from msgspec import structs

from devices.readings.models import MODELS, Fill, Kind, ManifestAction, Position, Reading, Status

FieldValue = bool | int | float | str

ALERT_MEASUREMENT: Final = "alert"
ALERT_TAGS: Final = ("device", "phase", "rule", "severity")
SUBJECT_FIELDS: Final = ("label", "label_zh", "board")
"""What a row of an alert says of its subject: what people call it (`devices.city.labels`), and the Grafana board that
shows it."""
ALERT_FIELDS: Final = (
    "alert_id", "revision", "opened_at", "title", "title_zh", "lat", "lon", "learned_at", *SUBJECT_FIELDS,
)  # fmt: skip
"""One row for each change of an alert, at the device time of the change. `learned_at` is wall clock in ms of a change
that late readings made, 0 of others. Two changes of one instant are two rows: they
differ in device, phase, rule, severity or compartment (a further tag, if there is one); if not, the later row is moved
on by 1 ms."""

AREA_TAGS: Final = ("district", "fleet", "site")
"""Area of a device, with at most one of `fleet` and `site`. On its readings and on its alerts, so that a board can show
one district."""

PLACE_MEASUREMENT: Final = "place"
PLACE_TAGS: Final = (
    "choice",
    "choice_zh",
    "device",
    "district",
    "district_choice",
    "district_choice_zh",
    "fleet",
    "fleet_choice",
    "fleet_choice_zh",
    "role",
    "site",
    "site_choice",
    "site_choice_zh",
)
PLACE_FIELDS: Final = ("lat", "lon", "name", "name_zh")
"""What a registered device is called, and the position (WGS-84) of one that does not move, since its readings carry
none. One row a day for each device, at midnight UTC, rewritten whenever the registry changes.

Boards let people choose by name: `choice` is `<name> | <device>`, `site_choice` `<name of the site> | <site>`, and
likewise those of district and fleet."""
CHOICE_SEPARATOR: Final = " | "

ALERT_STATE_MEASUREMENT: Final = "alert_state"
ALERT_STATE_TAGS: Final = ("compartment", "device", "rule", *AREA_TAGS)
ALERT_STATE_FIELDS: Final = (
    "alert_id",
    "opened_at",
    "severity",
    "phase",
    "outcome",
    "title",
    "title_zh",
    "lat",
    "lon",
    "open",
    "acknowledged",
    "handled",
    "false_alarm",
    "acknowledge_s",
    "handle_s",
    "lasted_s",
    "shelved_until",
    "learned_at",
    "listed_only",
    *SUBJECT_FIELDS,
)
"""Current state of each alert: one row for each, at its `opened_at`, rewritten when the alert changes, a person acts
on it, or a shelf that covers it begins or ends. `outcome` is `none` until a person closes it. `open`, `acknowledged`,
`handled` (closed by a person) and `false_alarm` are 1 or 0, so that they can be summed. `acknowledge_s` and `handle_s`
are seconds of wall clock since the first publication, present once the action was taken. `lasted_s` is device time,
present once the incident is over (a reopened one keeps the former value until it is over again). `shelved_until` and
`learned_at` are wall clock in ms, 0 where it is not shelved, or was learned of at once; `listed_only` is 1 if it was
learned of too late to call people. The area tags are those of the first publication."""

SUSPECTED_SITE_MEASUREMENT: Final = "suspected_site"
SUSPECTED_SITE_TAGS: Final = ("kind",)
SUSPECTED_SITE_FIELDS: Final = (
    "site_id",
    "state",
    "lat",
    "lon",
    "radius_m",
    "trucks",
    "visits",
    "days",
    "last_seen",
    "busiest_hour",
    "decided_by",
    "reason",
)
"""Current state of each suspected site: one row for each, when it was proposed, rewritten when it changes. `trucks`,
`visits` and `days` are numbers, `last_seen` is device time in ms, `busiest_hour` the hour of the city's day with most
visits; `decided_by` and `reason` are those of the last decision, and empty before any."""

EMPTYING_MEASUREMENT: Final = "emptying"
EMPTYING_TAGS: Final = ("compartment", "device", *AREA_TAGS)
EMPTYING_FIELDS: Final = ("after", "from_pct", "to_pct", "fell_points", "counted")
"""One row for each emptying of a compartment (`rules.tracking.emptyings`), at the first reading after it; `after` is
device time in ms of the last reading before it. `counted` is 1, or 0 where late readings showed that there was none."""

CITY_LOADS_MEASUREMENT: Final = "city_loads"
CITY_LOADS_TAGS: Final = ("district", "flow", "site", "stream")
CITY_LOADS_FIELDS: Final = (
    "net_kg",
    "estimated_kg",
    "loads",
    "estimated",
    "unknown",
    "waiting",
    "label",
    "label_zh",
    "district_label",
    "district_label_zh",
)
"""Loads of each day, by weighing sessions: one row for each site, stream and way (`flow`: `in`, `out`), at midnight UTC
of the day's date in the city's calendar, rewritten whenever a session of the day changes. `net_kg` is of `loads` that
were weighed in full, `estimated_kg` of `estimated` ones with another tare; `unknown` have no net weight, `waiting` wait
for a person to say which truck it was. `stream` is one of `devices.readings.streams`, `other`, or `unknown`; `label` is
what people call the site, `district_label` the district, empty where there is none."""
OTHER_STREAM: Final = "other"
UNKNOWN_STREAM: Final = "unknown"

MANIFEST_MEASUREMENT: Final = "manifest"
MANIFEST_TAGS: Final = ("device", *AREA_TAGS)
MANIFEST_FIELDS: Final = (
    "number",
    "state",
    "stream",
    "source",
    "source_zh",
    "destination",
    "destination_zh",
    "sent_kg",
    "net_kg",
    "arrive_by",
    "open",
    "closed",
    "overdue",
    "discrepancy",
    "void",
)
"""Present state of each manifest as judged: one row for each, when it was issued, rewritten when it changes. `source`
and `destination` are what people call these sites; `arrive_by` is the plan, ms. `open`, `closed`, `overdue`,
`discrepancy` and `void` are 1 or 0, so that they can be summed; weights are absent while nobody knows them. The tags
are those of its truck when the row was written first."""

INDICATOR_MEASUREMENT: Final = "indicator"
INDICATOR_TAGS: Final = ("indicator",)
INDICATOR_FIELDS: Final = (
    "shown",
    "value",
    "baseline",
    "target",
    "progress_pct",
    "name",
    "name_zh",
    "unit",
    "unit_zh",
    "why",
    "why_zh",
)
"""Each indicator of the programme over the last 30 days: one row a day, at midnight UTC of the date in the city's
calendar, rewritten each hour. `shown` is 1 where there is a value; else 0, `value` is of no meaning and `why` says why
there is none."""

HEALTH_MEASUREMENT: Final = "ingestion"
HEALTH_TAGS: Final = ("of", "part")
HEALTH_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ledger": ("received", "stored", "duplicate", "quarantined", "queued", "gaps", "devices"),
    "quarantine": ("readings",),
    "not_judged": ("readings",),
    "consumer": ("lag_messages", "lag_s"),
    "collector": ("connected", "messages", "reconnects", "disk_full"),
    "recorder": ("waits", "pending", "write_ms", "slowest_write_ms"),
    "clock": ("offset_p50_ms", "offset_p99_ms", "offset_worst_ms"),
    "broker": ("connected_clients", "dropped_messages", "queued_messages"),
    "disk": ("free_bytes", "size_bytes"),
    "alerts": ("called", "called_per_operator"),
    "over_limit": ("device", "limit", "beyond", *SUBJECT_FIELDS),
}
"""Fields of each part of ingestion, by tag `part`: floats, at wall clock. All parts of one sample share one time.

`of` distinguishes the rows of a part: the reason for `quarantine` and `not_judged`, the consumer for `consumer`; other
parts have none, but `over_limit`: there it is a rank, and device, limit and what it is called are texts, since
made-up ids as tags would fill the store.
Counters cover the whole life of the ledger, those of `collector` and `broker` the life of the process. `connected`,
`disk_full` and `waits` are 1 or 0. Clock offsets are absolute values, over all devices. `called` counts the alerts that
called people within the ten minutes before."""

_NOT_FIELDS: Final = frozenset({"device_id", "ts", "compartment"})

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in model.__struct_fields__ if name not in _NOT_FIELDS) for kind, model in MODELS.items()
}
"""Field names by measurement, in the models' order."""

TICKET_FIELDS: Final = ("counted", "counted_kg", "ticket_state")
"""What a weighing adds to sums, decided by the recorder (`devices.readings.tickets`) beside what the bridge measured.

`counted` is 1 for the one weighing that stands for its ticket, else 0; `counted_kg` is its net weight, else 0.0;
`ticket_state` is a `devices.readings.tickets.TicketState`: counted, or why not. So tonnes are the sum of `counted_kg`
and tickets the sum of `counted`. They change when a correction comes. A weighing stored by a version before them has
none and is in no sum."""

DERIVED_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {Kind.WEIGHING: TICKET_FIELDS}
"""Fields by measurement that are not in the reading and do not belong to its identity."""

REQUIRED_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(info.name for info in structs.fields(model) if info.required and info.name not in _NOT_FIELDS)
    for kind, model in MODELS.items()
}
"""Fields that every reading of the kind has, in the same order."""

_DERIVED_TYPES: Final[Mapping[Kind, Mapping[str, type]]] = {Kind.WEIGHING: {"counted_kg": float}}

FLOAT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(
        name
        for name, hint in {**get_type_hints(model), **_DERIVED_TYPES.get(kind, {})}.items()
        if float in (hint, *get_args(hint))
    )
    for kind, model in MODELS.items()
} | {
    EMPTYING_MEASUREMENT: frozenset({"from_pct", "to_pct", "fell_points"}),
    CITY_LOADS_MEASUREMENT: frozenset({"net_kg", "estimated_kg"}),
    MANIFEST_MEASUREMENT: frozenset({"sent_kg", "net_kg"}),
    INDICATOR_MEASUREMENT: frozenset({"value", "baseline", "target", "progress_pct"}),
}
"""Fields that are floats whatever their value: JSON does not distinguish 40.0 from 40."""


MAX_COMPARTMENTS: Final = 32
"""Of one device. The largest recycling points have a dozen. Each compartment is a series in the store for ever, so a
faulty or hostile device must not be able to make up more."""


PART_TAG: Final[Mapping[str, str]] = {
    Kind.FILL: "compartment",
    Kind.STATUS: "closing",
    EMPTYING_MEASUREMENT: "compartment",
}
"""The tag that distinguishes the series of one device, by measurement; left out where the part is empty. Both
sort before `device`, as tag keys must.

A status has one because a last will is as old as its birth: the device wrote both when it connected, and with a clock
of whole seconds both have one time. So what ends a session stands in series of its own."""

ENDINGS: Final = frozenset({"will", "shutdown"})
"""Causes of the statuses that end a session."""


class SeriesKey(NamedTuple):
    """Key of a series, which holds at most one reading for each instant."""

    kind: Kind
    device_id: str
    part: str
    """The compartment for fill, the ending for a status that says that its session is over, empty otherwise."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the time-series store."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    """In tag-key order, no empty values."""
    fields: Mapping[str, FieldValue]
    ts: int
    """Milliseconds since 1970 UTC."""


def series_key(reading: Reading) -> SeriesKey:
    return SeriesKey(reading.kind, reading.device_id, part_of(reading))


def part_of(reading: Reading) -> str:
    """Return the compartment of a fill reading, `will` or `shutdown` for the status that ends a session, manifest and
    number of what people did with it, else "".
    """
    kind = type(reading)  # a negative isinstance() takes three times as long
    if kind is Position:
        return ""
    if kind is Fill:
        return reading.compartment  # type: ignore[union-attr]
    if kind is Status and reading.cause in ENDINGS:  # type: ignore[union-attr]
        return reading.cause  # type: ignore[union-attr]
    if kind is ManifestAction:
        return f"{reading.number} {reading.no}"  # type: ignore[union-attr]
    return ""


class InArea(Protocol):
    """The part of a registered device (`devices.city.model.Device`) that its area tags are made of."""

    @property
    def district(self) -> str | None: ...
    @property
    def fleet(self) -> str | None: ...
    @property
    def site_id(self) -> str | None: ...


def area_tags(device: InArea) -> dict[str, str]:
    """Return those of `AREA_TAGS` that the device has, in tag-key order."""
    tags = {"district": device.district, "fleet": device.fleet, "site": None if device.fleet else device.site_id}
    return {key: value for key, value in tags.items() if value}
