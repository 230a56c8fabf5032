"""The revisions of the schema, one module each, by what they concern.

They are one series: each names the one before it (`down_revision`), and the number that its name begins with is its
place. A new one gets the next number of all folders. What an installation has run is never removed.
"""
