"""Zones: areas where trucks may not be, or which they may not leave."""

import sqlalchemy as sa
from alembic import op

revision = "0009_zones"
down_revision = "0008_route_limit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zone",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("area_wkb", sa.LargeBinary, nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger),
        sa.Column("valid_until_ms", sa.BigInteger),
    )


def downgrade() -> None:
    op.drop_table("zone")
