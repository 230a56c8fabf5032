"""Publishes alert changes: journal entries enter, MQTT messages and points of the store leave.

Called by `haulwatch judge`, one task for each sink; the board feed keeps its cursors here too.
"""
