"""The collector: messages of the broker enter, raw log records leave, and then the broker gets its acknowledgement.

`haulwatch collect` runs it; supervisor, API and demo read its status file.
"""
