"""Commands to devices, and their outcomes."""

import sqlalchemy as sa
from alembic import op

revision = "0004_device_command"
down_revision = "0003_login"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_command",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("outcome_at", sa.BigInteger),
        sa.Column("outcome_detail", sa.Text),
        sa.Column("recorded_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
    )
    op.create_index("ix_device_command_device_id", "device_command", ["device_id", "issued_at"])
    op.create_index("ix_device_command_due_at", "device_command", ["due_at"])


def downgrade() -> None:
    op.drop_table("device_command")
