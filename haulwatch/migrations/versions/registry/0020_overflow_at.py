"""The level at which a recycling point is full."""

import sqlalchemy as sa
from alembic import op

revision = "0020_overflow_at"
down_revision = "0018_shelves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("overflow_at_pct", sa.Float))


def downgrade() -> None:
    op.drop_column("device", "overflow_at_pct")
