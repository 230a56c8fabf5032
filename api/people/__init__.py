"""Routes of people: sign in and out, change the password, the names to assign work to, and the audit trail.

Names and passwords enter; a cookie and the person leave. The console calls it; `api.access` looks the cookie up again.
"""
