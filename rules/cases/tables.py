"""Tables of cases, in the registry's database beside the alert journal. Times: see `rules.cases.model`."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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

_CLAIMS: Final = text("claims")

case_file: Final = Table(
    "case_file",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("assignee", String(64)),
    Column("lat", Float),
    Column("lon", Float),
    Column("address", String(200)),
    Column("district", String(64)),
    Column("happened_from", BigInteger),
    Column("happened_until", BigInteger),
    Column("outcome", String(32)),
    Column("closed_at", BigInteger),
    Column("closed_by", String(64)),
    Column("closing_reason", Text),
    Column("reopened", Integer, nullable=False, server_default="0"),
    UniqueConstraint("year", "serial", name="uq_case_file_serial"),
    Index("ix_case_file_opened_at", "opened_at", "number"),
    Index("ix_case_file_state", "state", "deadline"),
)
"""Present state of each case. Rows stay."""

case_alert: Final = Table(
    "case_alert",
    metadata,
    Column("number", String(16), ForeignKey("case_file.number", name="fk_case_alert_number"), primary_key=True),
    Column("alert_id", String(16), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("held", Boolean, nullable=False),
    Column("claims", Boolean, nullable=False),
    Index("ix_case_alert_alert_id", "alert_id"),
    Index("uq_case_alert_claim", "alert_id", unique=True, sqlite_where=_CLAIMS, postgresql_where=_CLAIMS),
)
"""Alerts that a case holds (`held`) or held. `claims`: it holds the alert and is not closed; one case at most does.
`subject`: the device of the alert, which never changes. `position`: the order in which they were added."""

case_event: Final = Table(
    "case_event",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("number", String(16), ForeignKey("case_file.number", name="fk_case_event_number"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reason", Text),
    Column("detail", JSON, nullable=False),
    Index("ix_case_event_number", "number", "no"),
    sqlite_autoincrement=True,
)
"""Everything that happened to a case. Rows are added and never changed: triggers refuse it (migration 0031)."""
