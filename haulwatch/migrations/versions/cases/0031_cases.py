"""Cases: their state, the alerts that they hold, and their events, which are added and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0031_cases"
down_revision = "0030_notice_indexes"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CLAIMS = sa.text("claims")
_REFUSAL = "the events of a case are append-only"
_SQLITE = [
    *(
        f"CREATE TRIGGER case_event_no_{verb.lower()} BEFORE {verb} ON case_event "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    # As for the audit trail (0025): REPLACE fires no trigger of DELETE, and a chosen number could lie in the middle.
    f"""CREATE TRIGGER case_event_no_replace BEFORE INSERT ON case_event
    WHEN NEW.no > 0 AND NEW.no <= (SELECT coalesce(max(no), 0) FROM case_event)
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608 - a constant
    f"""CREATE TRIGGER case_event_no_backdating AFTER INSERT ON case_event WHEN NEW.no <= 0
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
]
_POSTGRESQL = [
    f"""CREATE FUNCTION case_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$""",
    """CREATE TRIGGER case_event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON case_event
    FOR EACH STATEMENT EXECUTE FUNCTION case_event_is_append_only()""",
    "ALTER TABLE case_event ENABLE ALWAYS TRIGGER case_event_is_append_only",
]


def upgrade() -> None:
    op.create_table(
        "case_file",
        sa.Column("number", sa.String(16), primary_key=True),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("opened_by", sa.String(64), nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("assignee", sa.String(64)),
        sa.Column("lat", sa.Float),
        sa.Column("lon", sa.Float),
        sa.Column("address", sa.String(200)),
        sa.Column("district", sa.String(64)),
        sa.Column("happened_from", sa.BigInteger),
        sa.Column("happened_until", sa.BigInteger),
        sa.Column("outcome", sa.String(32)),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("closed_by", sa.String(64)),
        sa.Column("closing_reason", sa.Text),
        sa.Column("reopened", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("year", "serial", name="uq_case_file_serial"),
    )
    op.create_index("ix_case_file_opened_at", "case_file", ["opened_at", "number"])
    op.create_index("ix_case_file_state", "case_file", ["state", "deadline"])
    op.create_table(
        "case_alert",
        sa.Column(
            "number", sa.String(16), sa.ForeignKey("case_file.number", name="fk_case_alert_number"), primary_key=True
        ),
        sa.Column("alert_id", sa.String(16), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("claims", sa.Boolean, nullable=False),
    )
    op.create_index("ix_case_alert_alert_id", "case_alert", ["alert_id"])
    op.create_index(
        "uq_case_alert_claim", "case_alert", ["alert_id"], unique=True, sqlite_where=_CLAIMS, postgresql_where=_CLAIMS
    )
    op.create_table(
        "case_event",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column(
            "number", sa.String(16), sa.ForeignKey("case_file.number", name="fk_case_event_number"), nullable=False
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_event_number", "case_event", ["number", "no"])
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for table in ("case_event", "case_alert", "case_file"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION case_event_is_append_only()")
