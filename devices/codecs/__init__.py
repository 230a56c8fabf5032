"""Codecs: topic and raw bytes enter, readings and flaws leave. One module for each dialect, one registry of all.

The collector names the dialect of a message; recorder, judge, rate limit and dead letters look its codec up.
"""
