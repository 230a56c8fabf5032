"""An index of the open alerts, which every desk asks for every few seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0029_open_alerts"
down_revision = "0028_verification"
branch_labels = None
depends_on = None

_OPEN = sa.text("closed_at IS NULL AND outcome IS NULL")


def upgrade() -> None:
    op.create_index("ix_alert_open", "alert", ["opened_at", "alert_id"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_index("ix_alert_open", "alert")
