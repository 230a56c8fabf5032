"""The kind of each vehicle."""

import sqlalchemy as sa
from alembic import op

revision = "0012_vehicle_kind"
down_revision = "0011_route_corridor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vehicle", sa.Column("kind", sa.String, nullable=False, server_default="construction_waste"))


def downgrade() -> None:
    op.drop_column("vehicle", "kind")
