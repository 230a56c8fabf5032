"""One truck: its permitted work and a random seed enter, positions as its terminal reports them leave.

`simulators.staging` composes them into timelines; `simulators.sites.weighbridge` follows the same working days.
"""
