"""What the routes of alerts need beside themselves: filters of a request, and examples of answers.

Called by `api.resources.alerts` only.
"""
