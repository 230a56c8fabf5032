"""The correction of each device's clock."""

import sqlalchemy as sa
from alembic import op

revision = "0007_clock_correction"
down_revision = "0006_names_of_areas"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("clock_correction_s", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("device", "clock_correction_s")
