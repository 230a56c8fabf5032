"""The waste streams of each site, and the compartments of each vehicle."""

import sqlalchemy as sa
from alembic import op

revision = "0016_streams"
down_revision = "0015_permit_areas"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("streams", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("vehicle", sa.Column("compartments", sa.Integer, nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("vehicle", "compartments")
    op.drop_column("site", "streams")
