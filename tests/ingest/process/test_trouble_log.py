"""Warnings that would repeat."""

import logging

import pytest

from ingest.process.trouble_log import TroubleLog


def test_each_kind_is_logged_once_and_again_after_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    trouble = TroubleLog(logging.getLogger("part"), "part: ")
    for _ in range(2):
        trouble.warn("disk", "full, 100 %s")
        trouble.warn("broker", "away")
    assert caplog.messages == ["part: full, 100 %s", "part: away"]
    trouble.ended("disk")
    trouble.warn("disk", "full")
    trouble.warn("broker", "away")
    assert caplog.messages[2:] == ["part: full"]
    trouble.all_ended()
    trouble.warn("broker", "away")
    assert caplog.messages[3:] == ["part: away"]
