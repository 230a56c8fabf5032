"""The life of a process: logs, locks, signals, supervision of children and of background tasks.

Settings enter; a role that is held, and tasks that are kept running, leave. `haulwatch.commands` calls it.
"""
