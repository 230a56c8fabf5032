"""The settings: environment variables enter, small frozen groups leave.

`haulwatch.process.lifetime` and the commands load them once at start; every other package is given them.
"""
