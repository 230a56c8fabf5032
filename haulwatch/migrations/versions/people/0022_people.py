"""Accounts of people, their sessions, and failures to sign in."""

import sqlalchemy as sa
from alembic import op

revision = "0022_people"
down_revision = "0020_overflow_at"
branch_labels = None
depends_on = None

_NAMES = sa.JSON(none_as_null=True)


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("display_name", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("districts", _NAMES),
        sa.Column("hauliers", _NAMES),
        sa.Column("language", sa.String(2)),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("password_changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "person_session",
        sa.Column("secret_hash", sa.String(64), primary_key=True),
        sa.Column(
            "person", sa.String(64), sa.ForeignKey("person.name", name="fk_person_session_person"), nullable=False
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_person_session_person", "person_session", ["person"])
    op.create_table(
        "sign_in_failure",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger),
    )
    op.create_index("ix_sign_in_failure_last_at", "sign_in_failure", ["last_at"])


def downgrade() -> None:
    op.drop_table("sign_in_failure")
    op.drop_table("person_session")
    op.drop_table("person")
