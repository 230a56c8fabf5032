"""Where the recorder's tables are: in a file on one machine, or in PostgreSQL for several recorders.

Statements of recorder and ledger enter, the same for both; rows leave. `ingest.ledger.state_file` has the file.
"""
