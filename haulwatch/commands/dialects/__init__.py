"""What `haulwatch simulate --dialect NAME` does: one module a dialect, and `registry` that lists them.

`options` is what a person gave; a dialect prints what came of it, and ends with the exit code of `simulate`.
"""
