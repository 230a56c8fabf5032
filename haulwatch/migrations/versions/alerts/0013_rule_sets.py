"""Rule sets, and by which one each alert was judged."""

import sqlalchemy as sa
from alembic import op

revision = "0013_rule_sets"
down_revision = "0012_vehicle_kind"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_set",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.add_column("alert", sa.Column("rule_set", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("alert", "rule_set")
    op.drop_table("rule_set")
