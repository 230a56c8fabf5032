"""Tables of the alert journal, in the registry's database.

`*_at` is ms since 1970 UTC: device time for opened, confirmed and closed; wall clock for recorded, acknowledged,
handled and actions.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from devices.db.column_types import SERIAL

metadata: Final = MetaData()


_OPEN: Final = text("closed_at IS NULL AND outcome IS NULL")
"""Few of many: each desk asks for them every few seconds."""

_FILTERED: Final = (
    "opened_at", "alert_id", "rule", "severity", "phase", "subject", "closed_at", "outcome", "acknowledged_by",
    "assigned_to", "lon", "lat",
)  # fmt: skip
"""What filters ask of an alert, in the order of pages: an index that has it all spares them the rows, of 5 kB each.
Titles are not in it: PostgreSQL refuses entries of more than 2,704 bytes."""

alert: Final = Table(
    "alert",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("severity", String(2), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("amendment", String(16)),
    Column("title_en", Text, nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("evidence", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("acknowledged_by", String(64)),
    Column("acknowledged_at", BigInteger),
    Column("assigned_to", String(64)),
    Column("outcome", String(32)),
    Column("handled_by", String(64)),
    Column("handled_at", BigInteger),
    Column("first_recorded_at", BigInteger, nullable=False),
    Column("rule_set", Integer, nullable=False, server_default="0"),
    Index("ix_alert_opened_at", "opened_at", "alert_id"),
    Index("ix_alert_open", "opened_at", "alert_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_alert_subject", "subject", "opened_at"),
    Index("ix_alert_filtered", *_FILTERED),
)
"""Present state of each alert."""

alert_change: Final = Table(
    "alert_change",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("alert_id", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("change", JSON, nullable=False),
    UniqueConstraint("alert_id", "phase", "revision", name="uq_alert_change"),
    sqlite_autoincrement=True,
)
"""Every alert change, in the order it was recorded. `no` is `JournalEntry.sequence`."""

alert_action: Final = Table(
    "alert_action",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("alert_id", String(16), ForeignKey("alert.alert_id", name="fk_alert_action_alert_id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("action", JSON, nullable=False),
    Index("ix_alert_action_alert_id", "alert_id"),
    sqlite_autoincrement=True,
)
"""Every action of a person on an alert."""

shelf: Final = Table(
    "shelf",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("rule", String(64)),
    Column("subject", String(64)),
    Column("reason", Text, nullable=False),
    Column("shelved_by", String(64), nullable=False),
    Column("shelved_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_by", String(64)),
    Column("ended_at", BigInteger),
    Index("ix_shelf_until", "until"),
    sqlite_autoincrement=True,
)
"""What people shelved (`rules.alerts.shelves`). Rows stay: who shelved what is asked later."""
