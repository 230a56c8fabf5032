"""People and machines that use the API: accounts, sessions, tokens, what each may do and see, and the audit trail.

Names and passwords enter; a person, a role and a visibility leave. The API and `haulwatch user` call it; the tables are
in the registry's database.
"""
