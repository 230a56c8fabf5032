"""Recyclables that people deposit at smart points: weights by material, points or yuan by a tariff, accounts.

Messages of points enter; sums of the city and of each account leave. Who deposited is known by a keyed hash only.
"""
