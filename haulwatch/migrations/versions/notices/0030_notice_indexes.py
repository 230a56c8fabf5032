"""Indexes of the outbox of notices, of what waits and of digests: the outbox keeps its rows."""

import sqlalchemy as sa
from alembic import op

revision = "0030_notice_indexes"
down_revision = "0029_open_alerts"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('waiting', 'sending')")
_DIGEST = sa.text("kind = 'digest'")


def upgrade() -> None:
    columns = ["channel", "planned_at"]
    op.create_index("ix_notice_open", "notice", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_notice_digest", "notice", columns, sqlite_where=_DIGEST, postgresql_where=_DIGEST)


def downgrade() -> None:
    for index in ("ix_notice_digest", "ix_notice_open"):
        op.drop_index(index, "notice")
