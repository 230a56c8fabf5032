"""What the API shows of notices, and the test messages that it sends."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Engine

from devices.db.versions import StoredVersion
from ingest.notices.channels import Channel
from ingest.notices.desk import listing
from ingest.notices.desk.listing import ChannelTimes, Listed, OutboxFilter
from ingest.notices.model import NoticeRules
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import Secrets
from ingest.notices.senders.port import Delivery
from ingest.notices.summary import ChannelSummary, summarise

TESTS_IN_A_MINUTE: Final = 6
"""Of all channels. The robots of WeCom and DingTalk take 20 messages a minute; alerts need most of them."""
_MINUTE_MS: Final = 60_000


class TooManyTests(Exception):
    """Test messages were sent a moment ago."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"{TESTS_IN_A_MINUTE} test messages were sent within a minute")
        self.wait_s = wait_s


class NoticeDesk:
    """Any thread. Every method but `unusable` and `test` may raise DatabaseError."""

    def __init__(self, engine: Engine, rules: NoticeRuleStore, secrets: Secrets, now: Callable[[], int]) -> None:
        """`now`: the wall clock, ms."""
        self._engine, self._rules, self._secrets, self._now = engine, rules, secrets, now
        self._tests: deque[int] = deque(maxlen=TESTS_IN_A_MINUTE)

    def history(self, limit: int) -> Sequence[StoredVersion]:
        """The newest versions of the notice rules, newest first. The first one holds."""
        return self._rules.history(limit)

    def page(self, where: OutboxFilter, *, limit: int, before: int | None = None) -> Sequence[Listed]:
        """Notices with a number below `before`, newest first."""
        return listing.page(self._engine, where, limit=limit, before=before)

    def of_alert(self, alert_id: str) -> Sequence[Listed]:
        """Notices of an alert, oldest first."""
        return listing.of_alert(self._engine, alert_id)

    def summary(self) -> Sequence[ChannelSummary]:
        """What waits, and what the last 24 h brought, by channel."""
        return summarise(self._engine, self._now())

    def times(self, channels: Iterable[str]) -> Mapping[str, ChannelTimes]:
        return listing.channel_times(self._engine, channels)

    def unusable(self, channel: Channel) -> str:
        """Why a channel cannot send from this process; empty: it can."""
        from ingest.notices.senders.registry import ChannelUnusable, sender_of  # noqa: PLC0415 - loads the senders

        try:
            sender_of(channel, self._secrets, self._now)
        except ChannelUnusable as exc:
            return str(exc)
        return ""

    async def test(self, rules: NoticeRules, channel: str, person: str | None, by: str) -> Delivery:
        """Send a test message by a channel, to or mentioning a person, and wait for the answer. Raises TooManyTests."""
        from ingest.notices.desk.trial import send_test  # noqa: PLC0415 - loads the senders

        now = self._now()
        if len(self._tests) == TESTS_IN_A_MINUTE and (wait_ms := self._tests[0] + _MINUTE_MS - now) > 0:
            raise TooManyTests(min(-(-wait_ms // 1000), _MINUTE_MS // 1000))
        self._tests.append(now)
        return await send_test(rules, channel, person, by, self._secrets, self._now)
