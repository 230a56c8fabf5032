"""Ports: what the API needs of notices; a part of `api.ports`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from devices.db.versions import StoredVersion
from ingest.notices.channels import Channel
from ingest.notices.desk.listing import ChannelTimes, Listed, OutboxFilter
from ingest.notices.model import NoticeRules
from ingest.notices.senders.port import Delivery
from ingest.notices.summary import ChannelSummary


class NoticeDesk(Protocol):
    """`ingest.notices.desk.desk.NoticeDesk`. Synchronous but for `test`; every method may raise DatabaseError."""

    def history(self, limit: int) -> Sequence[StoredVersion]:
        """The newest versions of the notice rules, newest first. The first one holds."""

    def page(self, where: OutboxFilter, *, limit: int, before: int | None = None) -> Sequence[Listed]:
        """Notices with a number below `before`, newest first."""

    def of_alert(self, alert_id: str) -> Sequence[Listed]:
        """Notices of an alert, oldest first."""

    def summary(self) -> Sequence[ChannelSummary]: ...

    def times(self, channels: Iterable[str]) -> Mapping[str, ChannelTimes]: ...

    def unusable(self, channel: Channel) -> str:
        """Why a channel cannot send; empty: it can."""

    async def test(self, rules: NoticeRules, channel: str, person: str | None, by: str) -> Delivery:
        """Send a test message. Raises TooManyTests."""


class NoNotices:
    """The desk of an API that sends no notices."""

    def history(self, limit: int) -> Sequence[StoredVersion]:
        return ()

    def page(self, where: OutboxFilter, *, limit: int, before: int | None = None) -> Sequence[Listed]:
        return ()

    def of_alert(self, alert_id: str) -> Sequence[Listed]:
        return ()

    def summary(self) -> Sequence[ChannelSummary]:
        return ()

    def times(self, channels: Iterable[str]) -> Mapping[str, ChannelTimes]:
        return {}

    def unusable(self, channel: Channel) -> str:
        return ""

    async def test(self, rules: NoticeRules, channel: str, person: str | None, by: str) -> Delivery:
        raise NotImplementedError("there are no notice rules")
