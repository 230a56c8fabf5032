"""Suspected sites: places outside every permitted site where trucks stop, lift their beds and come away empty.

In: alerts of the journal. Out: proposals in the registry, which a person accepts or dismisses. Nothing else follows
from a proposal; an accepted dump is known to judgement as a hotspot (`devices.city.sites.Hotspot`).
"""
