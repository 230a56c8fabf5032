"""Incidents: verdicts enter, the changes of alerts that people are notified of leave.

`rules.engine.fleet_judge` calls `folding`, which stands before `machine`, the state machine shared by all rules.
"""
