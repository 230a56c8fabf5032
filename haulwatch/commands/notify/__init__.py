"""The commands `haulwatch notify …`; `haulwatch.commands.notify.app` is their group.

Notice rules in YAML enter; their check, a test message, and what the outbox holds leave.
"""
