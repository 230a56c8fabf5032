"""An index of all that filters ask of an alert, so that those with few hits do not read every row."""

from alembic import op

revision = "0034_filtered_alerts"
down_revision = "0033_attachments"
branch_labels = None
depends_on = None

_COLUMNS = [
    "opened_at", "alert_id", "rule", "severity", "phase", "subject", "closed_at", "outcome", "acknowledged_by",
    "assigned_to", "lon", "lat",
]  # fmt: skip


def upgrade() -> None:
    op.create_index("ix_alert_filtered", "alert", _COLUMNS)


def downgrade() -> None:
    op.drop_index("ix_alert_filtered", "alert")
