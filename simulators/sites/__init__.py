"""Devices that stand at sites: start, interval and a random seed enter, their readings leave.

`simulators.staging` composes them into timelines.
"""
