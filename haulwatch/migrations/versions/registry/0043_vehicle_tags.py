"""The RFID tags of vehicles."""

import sqlalchemy as sa
from alembic import op

revision = "0043_vehicle_tags"
down_revision = "0042_recyclables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("vehicle", "past_vehicle"):
        op.add_column(table, sa.Column("tags", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    for table in ("vehicle", "past_vehicle"):
        op.drop_column(table, "tags")
