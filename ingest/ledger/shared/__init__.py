"""The recorder's tables in PostgreSQL, which several recorders share, one partition of the raw log each at a time.

Statements of `ingest.ledger` and `ingest.recorder` enter, as for a file; each transaction of a recorder is refused once
another one has taken its partition over. `haulwatch.wiring` opens it, migration 0035 makes the tables.
"""
