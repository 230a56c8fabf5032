"""The condition of the path, for /readyz, for `haulwatch doctor` and for the boards.

Status files, the raw log and answers of servers enter; check results leave. `haulwatch.wiring` and `haulwatch.commands`
call it.
"""
