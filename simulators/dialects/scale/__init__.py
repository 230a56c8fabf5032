"""A simulated truck scale: trucks with labels enter, the bytes of its indicator leave, with the faults of a line.

`bridge` is what the display shows while trucks pass, `frames` writes it as an indicator does, `line` spoils bytes and
offers them on a pseudo terminal or TCP.
"""
