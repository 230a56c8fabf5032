"""Revisions of the tables of sites, routes, zones, permits, vehicles and who owns them.

They are in the one series of `haulwatch.migrations.versions`.
"""
