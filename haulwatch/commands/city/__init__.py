"""The commands `haulwatch city …`; `haulwatch.commands.city.app` is their group.

The files of a city enter; their faults, what an import changes, the city of the registry and its files leave.
"""
