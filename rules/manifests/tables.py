"""Tables of manifests, in the registry's database beside the alert journal. Times: see `rules.manifests.model`.

Two writers: the desk (`store`) writes what people do, the judge process (`journal`) what judgement found.
"""

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
)
from sqlalchemy import text as sql

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

_WAITS: Final = sql("NOT appended")

manifest: Final = Table(
    "manifest",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("code", String(32), nullable=False),
    Column("vehicle_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("destination_id", String(64), nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("issued_by", String(64), nullable=False),
    Column("check_at", BigInteger),
    Column("document", JSON, nullable=False),
    Index("uq_manifest_code", "code", unique=True),
    Index("ix_manifest_issued_at", "issued_at", "number"),
    Index("ix_manifest_device_id", "device_id", "issued_at"),
    Index("ix_manifest_check_at", "check_at"),
)
"""What was issued, with its present document. Rows stay. `code`: of the short link, by which a gate finds it.
`check_at`: when it is to be found overdue unless it has arrived; null: the clock has acted on it."""

manifest_action: Final = Table(
    "manifest_action",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("number", String(64), ForeignKey("manifest.number", name="fk_manifest_action_number"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("deed", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("appended", Boolean, nullable=False),
    Index("ix_manifest_action_number", "number", "no"),
    Index("ix_manifest_action_waiting", "no", sqlite_where=_WAITS, postgresql_where=_WAITS),
    sqlite_autoincrement=True,
)
"""What people and the clock did. `appended`: it is in the raw log, where it is judged."""

manifest_state: Final = Table(
    "manifest_state",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("device_id", String(64), nullable=False),
    Column("judged_in", String(200), nullable=False),
    Column("judged_to", BigInteger, nullable=False),
    Column("state", String(32), nullable=False),
    Column("sent_kg", Float),
    Column("net_kg", Float),
    Column("overdue_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("manifest", JSON, nullable=False),
    Index("ix_manifest_state_state", "state", "number"),
    Index("ix_manifest_state_recorded_at", "recorded_at", "number"),
)
"""What judgement found: the present state of each. `judged_to`: offset in the raw log up to which it was judged; what a
restarted judge judges again from before that changes nothing. `recorded_at`: wall clock."""

manifest_transition: Final = Table(
    "manifest_transition",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("number", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("trigger", String(32), nullable=False),
    Column("before", String(32), nullable=False),
    Column("after", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Index("ix_manifest_transition_number", "number", "no"),
    sqlite_autoincrement=True,
)
"""Every transition that was ever found. Late readings may show that one did not happen, or otherwise: it is then
withdrawn, at a time of the wall clock, and stays."""
