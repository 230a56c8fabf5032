"""Weighbridges of a trial: visits of trucks enter, their tickets leave, and what is wrong with some of them.

`simulators.trials.trial` asks `tickets`; what can be wrong is one function each, listed in `OF_BRIDGES`, `OF_TRUCKS`.
"""
