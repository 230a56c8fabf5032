"""Tables of the positions of publishers that run on one machine or another, in the registry's database.

They hold what the file of `ingest.alerts.cursors` holds. `at` and `recorded_at` are ms since 1970 UTC, wall clock.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, String, Table

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

publisher_position: Final = Table(
    "publisher_position",
    metadata,
    Column("sink", String(16), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
"""The last number of the journal that each sink has had."""

publisher_delivery: Final = Table(
    "publisher_delivery",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("sink", String(16), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("key", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("ix_publisher_delivery", "sink", "key"),
    sqlite_autoincrement=True,
)
"""The last deliveries of each sink."""

publisher_refused: Final = Table(
    "publisher_refused",
    metadata,
    Column("sink", String(16), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)
"""What a sink refuses, since when."""

publisher_held: Final = Table(
    "publisher_held",
    metadata,
    Column("sink", String(16), primary_key=True),
    Column("alert_id", String(16), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("severity", String(2), nullable=False),
    Column("announced", Boolean, nullable=False),
)
"""Alerts that are held back from a sink, as `Held`."""

publisher_call: Final = Table(
    "publisher_call",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("sink", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("alert_id", String(16), nullable=False),
    Index("ix_publisher_call", "at"),
    sqlite_autoincrement=True,
)
"""What called people within a day."""
