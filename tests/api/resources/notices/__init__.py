"""Routes of notices: rules that hold, outbox, notices of an alert, channels and their tests."""
