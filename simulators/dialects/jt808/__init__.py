"""Terminals of JT/T 808 as they are on trucks: they register, report, keep what got no answer, and make faults.

`terminal` is one of them, `line` its connection, `fleet` many of them with their sums.
"""
