"""Who calls (a person, a machine, this machine's own programs), what the caller may do, and what he may see.

A request enters; a `Caller` leaves, or a problem. Every route depends on a role; `api.people` signs people in and out.
"""
