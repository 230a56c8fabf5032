"""Notices: who is notified of which alert, by which channel, and how it gets there.

    journal ─▶ planning ─▶ outbox (database) ─▶ delivery, one task a channel ─▶ senders ─▶ WeCom, mail …
    climbs (unacknowledged alerts) ─▶ escalation ─▶ outbox

Notice rules are data (YAML), kept in the registry's database with every version. `haulwatch serve` runs it, as a
background task; nothing runs until rules are applied.
"""
