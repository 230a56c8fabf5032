"""The speed limit of each route."""

import sqlalchemy as sa
from alembic import op

revision = "0008_route_limit"
down_revision = "0007_clock_correction"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("route", sa.Column("limit_kmh", sa.Float))


def downgrade() -> None:
    op.drop_column("route", "limit_kmh")
