"""Revisions of the tables of accounts, tokens, sign-on and the audit trail.

They are in the one series of `haulwatch.migrations.versions`.
"""
