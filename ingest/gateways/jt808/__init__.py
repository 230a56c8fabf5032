"""The gateway of JT/T 808: terminals of trucks connect by TCP; what they send goes on to the broker as it came.

`server` listens and owns the `connection`s; `session` decides what follows from a frame, without a network or a clock.
A frame is answered after the broker has taken it: what a terminal got an answer for is safe, the rest it sends again.
"""
