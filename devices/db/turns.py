"""Turns of writers: their transactions come one after the other, each with what the one before wrote."""

from sqlalchemy import Connection, Table, false, func, select, update


def wait_for_turn(connection: Connection, lock: int, table: Table) -> None:
    """Wait until no other transaction holds this turn, and hold it to the end of this one. Its first statement.

    PostgreSQL knows advisory locks by number: `lock` is any that nothing else in this database uses. SQLite has one
    writer at a time, from its first write on: so this writes to `table`, though it changes nothing.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock)))
    else:
        connection.execute(update(table).where(false()).values({next(iter(table.c)): None}))
