"""Logins of devices at the broker."""

import sqlalchemy as sa
from alembic import op

revision = "0003_login"
down_revision = "0002_journal"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login",
        sa.Column("device_id", sa.String, sa.ForeignKey("device.id", name="fk_login_device_id"), primary_key=True),
        sa.Column("secret_hash", sa.String),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("login")
