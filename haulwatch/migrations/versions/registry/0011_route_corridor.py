"""The width of the corridor of each route."""

import sqlalchemy as sa
from alembic import op

revision = "0011_route_corridor"
down_revision = "0010_permit_hours"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("route", sa.Column("corridor_m", sa.Float))


def downgrade() -> None:
    op.drop_column("route", "corridor_m")
