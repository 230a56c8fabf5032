"""Back-off doubles, is capped, and is never shorter than the server asked for."""

import pytest

from ingest.process.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "dice", "expected"),
    [
        (1, None, 0.0, 0.25),
        (1, None, 1.0, 0.5),
        (3, None, 1.0, 2.0),
        (50, None, 1.0, 30.0),
        (50, None, 0.0, 15.0),
        (1, 12.0, 0.0, 12.0),
        (50, 12.0, 1.0, 30.0),
        (1, 86_400.0, 0.0, 300.0),
    ],
)
def test_a_pause_doubles_is_capped_and_honours_the_server(
    failures: int, retry_after_s: float | None, dice: float, expected: float
) -> None:
    backoff = Backoff(first_s=0.5, cap_s=30.0, dice=lambda: dice, failures=failures - 1)
    assert backoff.next_pause_s(retry_after_s) == expected
    assert backoff.failures == failures


def test_after_a_success_it_starts_again() -> None:
    backoff = Backoff(first_s=0.5, cap_s=30.0, dice=lambda: 1.0)
    assert [backoff.next_pause_s() for _ in range(3)] == [0.5, 1.0, 2.0]
    backoff.reset()
    assert backoff.next_pause_s() == 0.5
