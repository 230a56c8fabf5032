"""Notice rules: who is told of which alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0026_notice_rules"
down_revision = "0025_sign_on"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_rules",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("notice_rules")
