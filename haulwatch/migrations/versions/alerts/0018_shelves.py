"""Shelves of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0018_shelves"
down_revision = "0017_suspected_sites"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "shelf",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("rule", sa.String(64)),
        sa.Column("subject", sa.String(64)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("shelved_by", sa.String(64), nullable=False),
        sa.Column("shelved_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("ended_by", sa.String(64)),
        sa.Column("ended_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shelf_until", "shelf", ["until"])


def downgrade() -> None:
    op.drop_table("shelf")
