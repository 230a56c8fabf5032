"""`make fuzz`: sends random and mutated messages through the whole path, and checks what must hold for each of them.

Called by `make fuzz` (`python -m tests.fuzz`). Findings leave as text, each with its message.
"""
