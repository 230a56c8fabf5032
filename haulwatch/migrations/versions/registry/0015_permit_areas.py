"""The permitted areas of each permit."""

import sqlalchemy as sa
from alembic import op

revision = "0015_permit_areas"
down_revision = "0014_deposit_hours"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("permit", sa.Column("area_ids", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("permit", "area_ids")
