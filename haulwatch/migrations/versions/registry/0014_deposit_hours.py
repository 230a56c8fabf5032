"""The deposit windows of each recycling point."""

import sqlalchemy as sa
from alembic import op

revision = "0014_deposit_hours"
down_revision = "0013_rule_sets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("deposit_hours", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("site", "deposit_hours")
