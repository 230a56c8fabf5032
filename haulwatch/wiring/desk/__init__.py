"""What people start from the console beside reading: adopting devices, judging what another rule set would do, and packs
of evidence.

In: settings, and what a person asked for. Out: a changed registry and raw log, or the state of one job.
"""
