"""Weighing sessions: weighings, what people decided about them, sessions and all their revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0038_weighing_sessions"
down_revision = "0037_manifests"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "weighing",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("ts", sa.BigInteger, primary_key=True),
        sa.Column("site_id", sa.String(64)),
        sa.Column("truck", sa.String(160), nullable=False),
        sa.Column("number", sa.String(160), nullable=False),
        sa.Column("corrects", sa.String(160)),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_weighing_truck", "weighing", ["site_id", "truck", "ts"])
    op.create_index("ix_weighing_number", "weighing", ["device_id", "number", "ts"])
    op.create_index("ix_weighing_corrects", "weighing", ["device_id", "corrects", "ts"])
    op.create_index("ix_weighing_unplaced", "weighing", ["truck", "ts"])
    op.create_table(
        "weighing_decision",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("vehicle_id", sa.String(64)),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_weighing_decision", "weighing_decision", ["device_id", "ts", "no"])
    op.create_table(
        "weighing_session",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("truck", sa.String(160), nullable=False),
        sa.Column("bridge", sa.String(64), nullable=False),
        sa.Column("vehicle", sa.String(64)),
        sa.Column("vehicle_id", sa.String(64)),
        sa.Column("plate", sa.String(64), nullable=False),
        sa.Column("entered_at", sa.BigInteger, nullable=False),
        sa.Column("left_at", sa.BigInteger),
        sa.Column("weighed_at", sa.BigInteger, nullable=False),
        sa.Column("gross_kg", sa.Float, nullable=False),
        sa.Column("tare_kg", sa.Float),
        sa.Column("net_kg", sa.Float),
        sa.Column("tare_source", sa.String(16)),
        sa.Column("flow", sa.String(8), nullable=False),
        sa.Column("matched_by", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("material", sa.String(64)),
        sa.Column("manifest", sa.String(64)),
        sa.Column("tickets", sa.JSON, nullable=False),
        sa.Column("weighings", sa.JSON, nullable=False),
        sa.Column("dismissed", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_weighing_session_weighed_at", "weighing_session", ["weighed_at", "id"])
    op.create_index("ix_weighing_session_truck", "weighing_session", ["site", "truck", "weighed_at"])
    op.create_index("ix_weighing_session_vehicle", "weighing_session", ["vehicle_id", "weighed_at"])
    op.create_table(
        "weighing_session_change",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_weighing_session_change", "weighing_session_change", ["id", "revision"])
    op.create_index("ix_weighing_session_change_at", "weighing_session_change", ["at"])
    op.create_table(
        "weighing_progress",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("no", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "weighing_progress",
        "weighing_session_change",
        "weighing_session",
        "weighing_decision",
        "weighing",
    ):
        op.drop_table(table)
