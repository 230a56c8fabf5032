"""A city as data: its files enter, one frozen City with validity intervals and spatial queries leaves.

`devices.db.registry` stores and loads it; recorder, judge, rules, API and simulators read it.
"""
