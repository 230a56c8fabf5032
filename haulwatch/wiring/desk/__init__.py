"""What people start from the console beside reading: adopting devices, and judging what another rule set would do.

In: settings, and what a person asked for. Out: a changed registry and raw log, or the state of one job.
"""
