"""JT/T 808, the protocol of truck terminals in China: editions 2011, 2013 and 2019.

`frame` and `messages` are both ends of the wire, for gateway and simulators; `location` reads what a terminal measured,
`profile` says what a model adds of its own, and `codec` makes readings of all that.
"""
