"""Manifests: what people do with them, what judgement finds, and every transition."""

import sqlalchemy as sa
from alembic import op

revision = "0037_manifests"
down_revision = "0036_registry_versions"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITS = sa.text("NOT appended")


def upgrade() -> None:
    op.create_table(
        "manifest",
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("vehicle_id", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("destination_id", sa.String(64), nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("issued_by", sa.String(64), nullable=False),
        sa.Column("check_at", sa.BigInteger),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("uq_manifest_code", "manifest", ["code"], unique=True)
    op.create_index("ix_manifest_issued_at", "manifest", ["issued_at", "number"])
    op.create_index("ix_manifest_device_id", "manifest", ["device_id", "issued_at"])
    op.create_index("ix_manifest_check_at", "manifest", ["check_at"])
    op.create_table(
        "manifest_action",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column(
            "number", sa.String(64), sa.ForeignKey("manifest.number", name="fk_manifest_action_number"), nullable=False
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("deed", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("appended", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_manifest_action_number", "manifest_action", ["number", "no"])
    op.create_index(
        "ix_manifest_action_waiting", "manifest_action", ["no"], sqlite_where=_WAITS, postgresql_where=_WAITS
    )
    op.create_table(
        "manifest_state",
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("judged_in", sa.String(200), nullable=False),
        sa.Column("judged_to", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("sent_kg", sa.Float),
        sa.Column("net_kg", sa.Float),
        sa.Column("overdue_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.JSON, nullable=False),
    )
    op.create_index("ix_manifest_state_state", "manifest_state", ["state", "number"])
    op.create_table(
        "manifest_transition",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("trigger", sa.String(32), nullable=False),
        sa.Column("before", sa.String(32), nullable=False),
        sa.Column("after", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("evidence", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_manifest_transition_number", "manifest_transition", ["number", "no"])


def downgrade() -> None:
    for table in ("manifest_transition", "manifest_state", "manifest_action", "manifest"):
        op.drop_table(table)
