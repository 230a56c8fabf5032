"""The raw log on disk. Messages as the broker delivered them enter; numbered, durable records leave.

The collector and `redrive` append; recorder, judge, replay and the command line read.
"""
