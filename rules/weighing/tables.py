"""Tables of weighing sessions, in the registry's database. Times of weighings are device time of the bridge, those of
decisions and changes wall clock, in ms since 1970 UTC; weights are kg.
"""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

weighing: Final = Table(
    "weighing",
    metadata,
    Column("device_id", String(64), primary_key=True),
    Column("ts", BigInteger, primary_key=True),
    Column("site_id", String(64)),
    Column("truck", String(160), nullable=False),
    Column("number", String(160), nullable=False),
    Column("corrects", String(160)),
    Column("body", JSON, nullable=False),
    Index("ix_weighing_truck", "site_id", "truck", "ts"),
    Index("ix_weighing_number", "device_id", "number", "ts"),
    Index("ix_weighing_corrects", "device_id", "corrects", "ts"),
    Index("ix_weighing_unplaced", "truck", "ts"),
)
"""Each weighing that may be believed, once. `truck`: `rules.weighing.rows.truck_of`, by what is known now;
`number` and `corrects`: as numbers are compared."""

weighing_decision: Final = Table(
    "weighing_decision",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("device_id", String(64), nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("vehicle_id", String(64)),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_weighing_decision", "device_id", "ts", "no"),
    sqlite_autoincrement=True,
)
"""What people decided of whose truck a weighing is; the last one holds. Null: of none that is registered. Rows are
added and never changed. They name the weighing by bridge and device time, so they hold whenever it is read again."""

weighing_session: Final = Table(
    "weighing_session",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("site", String(64), nullable=False),
    Column("truck", String(160), nullable=False),
    Column("bridge", String(64), nullable=False),
    Column("vehicle", String(64)),
    Column("vehicle_id", String(64)),
    Column("plate", String(64), nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("left_at", BigInteger),
    Column("weighed_at", BigInteger, nullable=False),
    Column("gross_kg", Float, nullable=False),
    Column("tare_kg", Float),
    Column("net_kg", Float),
    Column("tare_source", String(16)),
    Column("flow", String(8), nullable=False),
    Column("matched_by", String(16), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("material", String(64)),
    Column("manifest", String(64)),
    Column("tickets", JSON, nullable=False),
    Column("weighings", JSON, nullable=False),
    Column("dismissed", Boolean, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_weighing_session_weighed_at", "weighed_at", "id"),
    Index("ix_weighing_session_truck", "site", "truck", "weighed_at"),
    Index("ix_weighing_session_vehicle", "vehicle_id", "weighed_at"),
)
"""Each session as it is now (`rules.weighing.session.WeighingSession`). `withdrawn`: later weighings showed that there
was none, or that it is a part of another. `dismissed`: a person decided that no registered truck is meant."""

weighing_session_change: Final = Table(
    "weighing_session_change",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("id", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("ix_weighing_session_change", "id", "revision"),
    Index("ix_weighing_session_change_at", "at"),
    sqlite_autoincrement=True,
)
"""Every revision of every session; null before the first one, and after one that was withdrawn. Rows are only added."""

weighing_progress: Final = Table(
    "weighing_progress",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("no", BigInteger, nullable=False),
)
"""How far the recorder's file of this id is read; changed with what was read."""
