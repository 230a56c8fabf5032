"""Notices as people look at them: pages of the outbox, the notices of one alert, the health of channels, test messages.

The tables of the outbox and the notice rules enter; rows for the API and `haulwatch notify` leave. Nothing here plans
or sends a notice of an alert.
"""
