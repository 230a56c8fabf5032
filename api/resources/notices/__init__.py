"""Routes of notices: the rules that hold, the outbox, the notices of one alert, channels and test messages.

Called by `api.app`. Rules, outbox and channels concern the whole city; people who may see a part of it get the notices
of the alerts that they may see.
"""
