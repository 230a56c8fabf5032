"""Manifests between the registry's database and the raw log: people's actions go into the log, where judgement takes
them among the readings of the truck; what it finds comes back. Both loops run in the judge process.
"""
