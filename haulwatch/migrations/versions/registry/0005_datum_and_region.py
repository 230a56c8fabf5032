"""The datum of each device, and how far the region of the city reaches beyond its sites and routes."""

import sqlalchemy as sa
from alembic import op

revision = "0005_datum_and_region"
down_revision = "0004_device_command"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("city", sa.Column("region_margin_km", sa.Float, nullable=False, server_default="50"))
    op.add_column("device", sa.Column("datum", sa.String, nullable=False, server_default="wgs84"))


def downgrade() -> None:
    op.drop_column("device", "datum")
    op.drop_column("city", "region_margin_km")
