"""Tokens of machines."""

import sqlalchemy as sa
from alembic import op

revision = "0023_tokens"
down_revision = "0022_people"
branch_labels = None
depends_on = None

_NAMES = sa.JSON(none_as_null=True)


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("districts", _NAMES),
        sa.Column("hauliers", _NAMES),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("ix_api_token_secret_hash", "api_token", ["secret_hash"], unique=True)


def downgrade() -> None:
    op.drop_table("api_token")
