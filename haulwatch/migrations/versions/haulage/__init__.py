"""Revisions of the tables of manifests and weighing sessions.

They are in the one series of `haulwatch.migrations.versions`.
"""
