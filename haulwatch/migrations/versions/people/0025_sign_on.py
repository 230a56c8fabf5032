"""People of an identity provider, locks by place, and an audit trail without holes."""

import sqlalchemy as sa
from alembic import op

revision = "0025_sign_on"
down_revision = "0024_audit"
branch_labels = None
depends_on = None

_REFUSAL = "the audit trail is append-only"
_SQLITE_GUARDS = [
    # REPLACE removes the row that is in its way without the trigger of DELETE, unless recursive_triggers is on.
    f"""CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN NEW.no > 0 AND NEW.no <= (SELECT coalesce(max(no), 0) FROM audit)
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",  # noqa: S608 - a constant
    # Before an insert the number that SQLite will choose reads as -1: only afterwards one is seen that was given so.
    f"""CREATE TRIGGER audit_no_backdating AFTER INSERT ON audit WHEN NEW.no <= 0
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
]
_POSTGRESQL = [
    # Also under session_replication_role, which switches ordinary triggers off.
    "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_append_only",
    """CREATE FUNCTION person_has_its_owner() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        is_owner boolean := pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER');
    BEGIN
        IF is_owner THEN RETURN NEW; END IF;
        IF TG_OP = 'INSERT' THEN
            IF NEW.issuer IS NOT NULL AND NEW.enabled AND NEW.password_hash = '' THEN RETURN NEW; END IF;
        ELSIF OLD.issuer IS NOT NULL THEN
            IF NEW.password_hash = '' THEN RETURN NEW; END IF;
        ELSIF (NEW.display_name, NEW.role, NEW.districts::text, NEW.hauliers::text)
            IS NOT DISTINCT FROM (OLD.display_name, OLD.role, OLD.districts::text, OLD.hauliers::text) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'permission denied: only the owner of the tables changes what a local account may do';
    END $$""",
    """CREATE TRIGGER person_has_its_owner BEFORE INSERT OR UPDATE ON person
    FOR EACH ROW EXECUTE FUNCTION person_has_its_owner()""",
]


def upgrade() -> None:
    op.add_column("person", sa.Column("issuer", sa.String(255)))
    op.add_column("person", sa.Column("subject", sa.String(255)))
    op.create_index("ix_person_subject", "person", ["issuer", "subject"], unique=True)
    op.add_column("person_session", sa.Column("id_token", sa.Text))
    op.drop_table("sign_in_failure")  # failures of the last day, in another form
    op.create_table(
        "sign_in_failure",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("place", sa.String(64), primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger),
    )
    op.create_index("ix_sign_in_failure_last_at", "sign_in_failure", ["last_at"])
    op.create_table(
        "known_place",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("place", sa.String(64), primary_key=True),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name="fk_known_place_person"),
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE_GUARDS:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER person_has_its_owner ON person")
        op.execute("DROP FUNCTION person_has_its_owner()")
        op.execute("ALTER TABLE audit ENABLE TRIGGER audit_is_append_only")
    else:
        op.execute("DROP TRIGGER audit_no_replace")
        op.execute("DROP TRIGGER audit_no_backdating")
    op.drop_table("known_place")
    op.drop_table("sign_in_failure")
    op.create_table(
        "sign_in_failure",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger),
    )
    op.create_index("ix_sign_in_failure_last_at", "sign_in_failure", ["last_at"])
    with op.batch_alter_table("person_session") as session:
        session.drop_column("id_token")
    op.drop_index("ix_person_subject", "person")
    with op.batch_alter_table("person") as person:
        person.drop_column("subject")
        person.drop_column("issuer")
