"""Notices: the outbox, and how far alerts have climbed the steps of notice rules."""

import sqlalchemy as sa
from alembic import op

revision = "0027_notices"
down_revision = "0026_notice_rules"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("alert_id", sa.String(16), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("recipient", sa.String(40), nullable=False),
        sa.Column("mentions", sa.String(2000), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(2), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("payload", sa.JSON),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("planned_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unconfirmed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempted_at", sa.BigInteger),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("digest", sa.BigInteger),
        sa.UniqueConstraint("alert_id", "event", "channel", "recipient", "mentions", name="uq_notice"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_state", "notice", ["channel", "state", "due_at"])
    op.create_index("ix_notice_alert", "notice", ["alert_id"])
    op.create_index("ix_notice_done", "notice", ["done_at"])
    op.create_table(
        "notice_climb",
        sa.Column("alert_id", sa.String(16), primary_key=True),
        sa.Column("rule", sa.String(40), primary_key=True),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.String(16)),
    )
    op.create_index("ix_notice_climb_due", "notice_climb", ["due_at"])
    op.create_table(
        "notice_change",
        sa.Column("alert_id", sa.String(16), primary_key=True),
        sa.Column("event", sa.String(40), primary_key=True),
        sa.Column("planned_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("notice_change", "notice_climb", "notice"):
        op.drop_table(table)
