"""Suspected sites, as proposed to people, and what they decided."""

import sqlalchemy as sa
from alembic import op

revision = "0017_suspected_sites"
down_revision = "0016_streams"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suspected_site",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
        sa.Column("radius_m", sa.Float, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("trucks", sa.JSON, nullable=False),
        sa.Column("visits", sa.Integer, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("hours", sa.JSON, nullable=False),
        sa.Column("alerts", sa.JSON, nullable=False),
        sa.Column("proposed_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("decisions", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("suspected_site")
