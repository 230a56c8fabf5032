"""Tests of the senders of notices."""
