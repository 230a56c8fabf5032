"""Tables of notices, in the registry's database. Times are ms since 1970 UTC, wall clock."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint, text

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

OPEN: Final = text("state IN ('waiting', 'sending')")
"""What is not done yet. A database uses an index with a condition only for queries that have it word for word."""
DIGESTS: Final = text("kind = 'digest'")
MAX_MENTIONS_CHARS: Final = 2_000

notice_rules: Final = Table(
    "notice_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("applied_by", String(64), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Every set of notice rules that was ever applied, as its author wrote it (YAML). The highest version holds."""

notice: Final = Table(
    "notice",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("alert_id", String(16), nullable=False),
    Column("event", String(40), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("recipient", String(40), nullable=False),
    Column("mentions", String(MAX_MENTIONS_CHARS), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("severity", String(2), nullable=False),
    Column("language", String(2), nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("payload", JSON),
    Column("state", String(16), nullable=False),
    Column("planned_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("unconfirmed", Integer, nullable=False, server_default="0"),
    Column("attempted_at", BigInteger),
    Column("done_at", BigInteger),
    Column("error", Text),
    Column("digest", BigInteger),
    UniqueConstraint("alert_id", "event", "channel", "recipient", "mentions", name="uq_notice"),
    Index("ix_notice_state", "channel", "state", "due_at"),
    Index("ix_notice_alert", "alert_id"),
    Index("ix_notice_done", "done_at"),
    Index("ix_notice_open", "channel", "planned_at", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_notice_digest", "channel", "planned_at", sqlite_where=DIGESTS, postgresql_where=DIGESTS),
    sqlite_autoincrement=True,
)
"""The outbox. A row is one message to one recipient: a change of an alert (`event`: phase and revision), or a digest.
Rows stay for years (`ingest.notices.retention`): who was notified of what, and when, is asked later."""

notice_climb: Final = Table(
    "notice_climb",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("rule", String(40), primary_key=True),
    Column("step", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("began_at", BigInteger, nullable=False),
    Column("ended", String(16)),
    Index("ix_notice_climb_due", "due_at"),
)
"""How far each alert has climbed the steps of each notice rule. `due_at`: when the next step is; null: there is none,
or it `ended`."""

notice_change: Final = Table(
    "notice_change",
    metadata,
    Column("alert_id", String(16), primary_key=True),
    Column("event", String(40), primary_key=True),
    Column("planned_at", BigInteger, nullable=False),
)
"""The changes of alerts that were planned and led to notices: each is planned once."""
