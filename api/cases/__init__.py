"""Cases at `/api/v1/cases`: taken up, worked on, closed; what lies near them in place and time; the closing rate.

Requests enter; cases with their events and alerts leave. `rules.cases` holds what may be done with a case and when.
"""
