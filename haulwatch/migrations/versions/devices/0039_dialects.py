"""The dialect of each device, and the profiles by which messages are read."""

import sqlalchemy as sa
from alembic import op

revision = "0039_dialects"
down_revision = "0038_weighing_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("dialect", sa.String, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
    )
    op.add_column("device", sa.Column("dialect", sa.String, nullable=False, server_default="native"))
    op.add_column("device", sa.Column("profile", sa.String, nullable=False, server_default=""))
    op.add_column("device", sa.Column("depth_mm", sa.Float))


def downgrade() -> None:
    op.drop_column("device", "depth_mm")
    op.drop_column("device", "profile")
    op.drop_column("device", "dialect")
    op.drop_table("profile")
