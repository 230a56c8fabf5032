"""Manifests by when judgement wrote them last, for the boards: an index."""

from alembic import op

revision = "0040_manifests_by_change"
down_revision = "0039_dialects"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_manifest_state_recorded_at", "manifest_state", ["recorded_at", "number"])


def downgrade() -> None:
    op.drop_index("ix_manifest_state_recorded_at", "manifest_state")
