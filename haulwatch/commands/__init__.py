"""The command line: one module for each command, in folders for the groups.

Arguments enter; exit codes, tables and JSON leave. `haulwatch.cli` loads a module when its command is called.
"""
