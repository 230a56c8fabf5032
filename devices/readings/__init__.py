"""Readings: their models, checks, refusals and ids, and their names in the time-series store.

Codecs make readings; recorder, judge, rules, stores, API and boards use them.
"""
