"""The alert journal: alerts, their changes, and the actions of people."""

import sqlalchemy as sa
from alembic import op

revision = "0002_journal"
down_revision = "0001_registry"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.String(16), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("rule_version", sa.Integer, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(2), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("amendment", sa.String(16)),
        sa.Column("title_en", sa.Text, nullable=False),
        sa.Column("title_zh", sa.Text, nullable=False),
        sa.Column("lat", sa.Float),
        sa.Column("lon", sa.Float),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("acknowledged_by", sa.String(64)),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("assigned_to", sa.String(64)),
        sa.Column("outcome", sa.String(32)),
        sa.Column("handled_by", sa.String(64)),
        sa.Column("handled_at", sa.BigInteger),
        sa.Column("first_recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_alert_opened_at", "alert", ["opened_at", "alert_id"])
    op.create_index("ix_alert_subject", "alert", ["subject", "opened_at"])
    op.create_table(
        "alert_change",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("alert_id", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("change", sa.JSON, nullable=False),
        sa.UniqueConstraint("alert_id", "phase", "revision", name="uq_alert_change"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_action",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column(
            "alert_id", sa.String(16), sa.ForeignKey("alert.alert_id", name="fk_alert_action_alert_id"), nullable=False
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("action", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_action_alert_id", "alert_action", ["alert_id"])


def downgrade() -> None:
    for table in ("alert_action", "alert_change", "alert"):
        op.drop_table(table)
