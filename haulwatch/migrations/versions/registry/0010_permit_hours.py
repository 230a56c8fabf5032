"""The hours of each permit."""

import sqlalchemy as sa
from alembic import op

revision = "0010_permit_hours"
down_revision = "0009_zones"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("permit", sa.Column("hours", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("permit", "hours")
