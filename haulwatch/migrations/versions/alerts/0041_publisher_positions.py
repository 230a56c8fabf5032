"""Positions of publishers of alerts, which go on at any machine that judges verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0041_publisher_positions"
down_revision = "0040_manifests_by_change"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "publisher_position",
        sa.Column("sink", sa.String(16), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "publisher_delivery",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("sink", sa.String(16), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publisher_delivery", "publisher_delivery", ["sink", "key"])
    op.create_table(
        "publisher_refused",
        sa.Column("sink", sa.String(16), primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "publisher_held",
        sa.Column("sink", sa.String(16), primary_key=True),
        sa.Column("alert_id", sa.String(16), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(2), nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
    )
    op.create_table(
        "publisher_call",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("sink", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("alert_id", sa.String(16), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publisher_call", "publisher_call", ["at"])


def downgrade() -> None:
    for table in ("call", "held", "refused", "delivery", "position"):
        op.drop_table(f"publisher_{table}")
