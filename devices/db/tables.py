"""Tables of the registry. Times are device time, ms since 1970 UTC; geometries WGS-84 as WKB, x = lon, y = lat.

A column has the name of the field it holds (`devices.city.model`, `.haulage`, `.sites`); `valid_from_ms` is inclusive,
`valid_until_ms` exclusive, null is open.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

from devices.db.column_types import SERIAL

metadata: Final = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_N_name)s"})


def _id_and_version() -> tuple[Column[str], Column[int]]:
    return Column("id", String, primary_key=True), Column("version", Integer, primary_key=True)


def _validity() -> tuple[Column[int], Column[int]]:
    return Column("valid_from_ms", BigInteger), Column("valid_until_ms", BigInteger)


registry_revision: Final = Table(
    "registry_revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)
"""One row: the number of changes so far."""

city: Final = Table(
    "city",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("timezone", String, nullable=False),
    Column("centre_lat", Float, nullable=False),
    Column("centre_lon", Float, nullable=False),
    Column("region_margin_km", Float, nullable=False, server_default="50"),
    Column("districts", JSON, nullable=False, server_default="[]"),
    Column("fleets", JSON, nullable=False, server_default="[]"),
)
"""One row: a database holds one city."""

haulier: Final = Table(
    "haulier",
    metadata,
    *_id_and_version(),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("fleet", String),
    *_validity(),
)

driver: Final = Table(
    "driver",
    metadata,
    *_id_and_version(),
    Column("name", String, nullable=False),
    Column("haulier_id", String),
    *_validity(),
)
"""People: only the owner of the tables and the API read it."""


def _vehicle_columns() -> tuple[Column[Any], ...]:
    return (
        Column("plate", String, nullable=False),
        Column("carrier", String, nullable=False),
        Column("tare_kg", Float),
        Column("payload_kg", Float),
        *_validity(),
        Column("kind", String, nullable=False, server_default="construction_waste"),
        Column("compartments", Integer, nullable=False, server_default="1"),
        Column("haulier_id", String),
        Column("lift_inverted", Boolean, nullable=False, server_default=false()),
        Column("cover_inverted", Boolean, nullable=False, server_default=false()),
        Column("load_unit", String, nullable=False, server_default="kg"),
        Column("tags", JSON, nullable=False, server_default="[]"),
    )


vehicle: Final = Table(
    "vehicle",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False, server_default="1"),
    *_vehicle_columns(),
)
"""The newest version of each vehicle, to which devices and permits refer."""

past_vehicle: Final = Table("past_vehicle", metadata, *_id_and_version(), *_vehicle_columns())
"""Earlier versions."""

site: Final = Table(
    "site",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("area_wkb", LargeBinary, nullable=False),
    Column("district", String),
    *_validity(),
    Column("deposit_hours", JSON, nullable=False, server_default="[]"),
    Column("streams", JSON, nullable=False, server_default="[]"),
)

route: Final = Table(
    "route",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("line_wkb", LargeBinary, nullable=False),
    Column("origin_site_id", String),
    Column("destination_site_id", String),
    Column("corridor_m", Float),
    *_validity(),
    Column("limit_kmh", Float),
    Column("hours", JSON, nullable=False, server_default="[]"),
    Column("standing_for", JSON, nullable=False, server_default="[]"),
)

gate: Final = Table(
    "gate",
    metadata,
    *_id_and_version(),
    Column("site_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("use", String, nullable=False),
    *_validity(),
)

zone: Final = Table(
    "zone",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("name_zh", String, nullable=False),
    Column("area_wkb", LargeBinary, nullable=False),
    *_validity(),
)

profile: Final = Table(
    "profile",
    metadata,
    Column("id", String, primary_key=True),
    Column("dialect", String, nullable=False),
    Column("settings", JSON, nullable=False),
)

device: Final = Table(
    "device",
    metadata,
    Column("id", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("name", String, nullable=False),
    Column("vehicle_id", String, ForeignKey("vehicle.id")),
    Column("site_id", String),
    Column("fleet", String),
    Column("district", String),
    Column("report_interval_s", Integer, nullable=False),
    *_validity(),
    Column("datum", String, nullable=False, server_default="wgs84"),
    Column("clock_correction_s", Integer, nullable=False, server_default="0"),
    Column("overflow_at_pct", Float),
    Column("model", String, nullable=False, server_default=""),
    Column("verification", String, nullable=False, server_default=""),
    Column("verified_until_ms", BigInteger),
    Column("dialect", String, nullable=False, server_default="native"),
    Column("profile", String, nullable=False, server_default=""),
    Column("depth_mm", Float),
)


def _permit_columns() -> tuple[Column[Any], ...]:
    return (
        Column("vehicle_id", String, ForeignKey("vehicle.id"), nullable=False),
        Column("route_ids", JSON, nullable=False),
        Column("site_ids", JSON, nullable=False),
        *_validity(),
        Column("hours", JSON, nullable=False, server_default="[]"),
        Column("area_ids", JSON, nullable=False, server_default="[]"),
        Column("source_ids", JSON, nullable=False, server_default="[]"),
        Column("haulier_id", String),
        Column("streams", JSON, nullable=False, server_default="[]"),
        Column("quantity_t", Float),
    )


permit: Final = Table(
    "permit",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False, server_default="1"),
    *_permit_columns(),
)
"""The newest version of each permit."""

past_permit: Final = Table("past_permit", metadata, *_id_and_version(), *_permit_columns())
"""Earlier versions."""

licence: Final = Table(
    "licence",
    metadata,
    *_id_and_version(),
    Column("haulier_id", String, nullable=False),
    Column("area_ids", JSON, nullable=False),
    Column("streams", JSON, nullable=False),
    *_validity(),
)

registry_change: Final = Table(
    "registry_change",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("entry_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("ix_registry_change_entry", "kind", "entry_id", "no"),
)
"""What changed in the registry, by whom and why: values of the fields that differ, before and after. Added to, never
changed. `at`: wall clock, ms; `actor`: as the audit trail names people, machines and commands."""

login: Final = Table(
    "login",
    metadata,
    Column("device_id", String, ForeignKey("device.id"), primary_key=True),
    Column("secret_hash", String),
    Column("enabled", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""A device's right to connect to the broker. `secret_hash` is Mosquitto's `$7$…`; null: no password."""

device_command: Final = Table(
    "device_command",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("device_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("note", Text),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("sends", Integer, nullable=False),
    Column("outcome", String(16)),
    Column("outcome_at", BigInteger),
    Column("outcome_detail", Text),
    Column("recorded_at", BigInteger),
    Column("due_at", BigInteger),
    Index("ix_device_command_device_id", "device_id", "issued_at"),
    Index("ix_device_command_due_at", "due_at"),
)
"""Every command issued (`devices.commands.model.Command`). `due_at`: when it is sent or given up; null: it ended."""

DUMP: Final = "dump"
ACCEPTED: Final = "accepted"
suspected_site: Final = Table(
    "suspected_site",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("radius_m", Float, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("trucks", JSON, nullable=False),
    Column("visits", Integer, nullable=False),
    Column("days", Integer, nullable=False),
    Column("hours", JSON, nullable=False),
    Column("alerts", JSON, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("decisions", JSON, nullable=False),
)
"""Every place that was proposed as a suspected site (`rules.suspected_sites.model.Proposal`). One of kind `DUMP` in the
state `ACCEPTED` is a hotspot of the city."""
