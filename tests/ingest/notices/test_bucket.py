"""A channel that sends whenever its bucket lets it stays within the limits of its service."""

import pytest

from ingest.notices.bucket import TokenBucket


@pytest.mark.parametrize(("per_minute", "per_second"), [(20, None), (100, 5), (2, None), (60, None), (600, 10)])
def test_no_minute_and_no_second_exceeds_its_limit(per_minute: int, per_second: int | None) -> None:
    now = 0.0
    bucket = TokenBucket(per_minute, per_second, lambda: now)
    sent: list[float] = []
    for tick in range(1_500):
        now = 500.0 + tick * 0.2  # it begins full, after a long rest
        while bucket.tokens:
            bucket.take()
            sent.append(now)
    for first, at in enumerate(sent):
        assert sum(at <= other < at + 60 for other in sent[first:]) <= per_minute
        assert per_second is None or sum(at <= other < at + 1 for other in sent[first:]) <= per_second
    assert len(sent) > 300 * per_minute / 60 * 0.4  # and it does send


def test_what_left_before_a_restart_is_counted() -> None:
    bucket = TokenBucket(20, None, lambda: 0.0)
    bucket.take(7)
    assert bucket.tokens == 3
    bucket.take(99)
    assert bucket.tokens == 0
