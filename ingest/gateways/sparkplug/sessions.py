"""The sessions of all edge nodes. Pure: messages and times enter, outcomes leave."""

from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from devices.codecs.sparkplug.payload import BadPayload, read_payload
from devices.codecs.sparkplug.topics import MessageType, SparkplugTopic, parse_sparkplug_topic
from ingest.gateways.sparkplug.node import NodeSession, NodeState, Wanted
from ingest.gateways.sparkplug.outcomes import AskRebirth, Drop, Dropped, Gap, Outcome, Republish
from ingest.gateways.sparkplug.rebirths import RebirthLimit

MAX_NODES: Final = 2_000
MAX_MESSAGE_BYTES: Final = 1 << 20
"""A birth of 10,000 metrics takes about half of it."""
MAX_WHO_CHARS: Final = 200
"""Of a topic in a log line."""
DEFAULT_REORDER_MS: Final = 2_000
"""How long missing messages are waited for. Brokers reorder by milliseconds; a bridge may take a second."""


class Sessions:
    """One for each host application."""

    def __init__(self, wanted: Wanted, reorder_ms: int = DEFAULT_REORDER_MS) -> None:
        """`wanted`: which metrics are passed on (`wanted_by`)."""
        self._wanted = wanted
        self._reorder_ms = reorder_ms
        self._nodes: dict[tuple[str, str], NodeSession] = {}
        self._limit = RebirthLimit()
        self.counts: Counter[str] = Counter()
        """Messages that led to nothing by `Dropped`; `gaps` and `rebirths_asked`."""

    @property
    def online(self) -> int:
        """Edge nodes whose messages are understood."""
        return sum(node.state is NodeState.LIVE for node in self._nodes.values())

    def is_online(self, group: str, node: str, device: str = "") -> bool:
        """Whether a node, or one of its devices, is on line as far as births and deaths say."""
        session = self._nodes.get((group, node))
        return session is not None and session.is_online(device)

    def receive(self, topic: str, payload: bytes, now: int) -> list[Outcome]:
        """Take a message that is not a STATE; `now` in ms. Never raises, whatever it holds."""
        who = parse_sparkplug_topic(topic)
        if who is None:
            return self._counted([Drop(Dropped.TOPIC, topic[:MAX_WHO_CHARS])])
        outcomes = [*self._received(who, payload, now)]
        node = self._nodes.get((who.group, who.node))
        return self._counted(outcomes if node is None else [*outcomes, *self._ask(node, now)])

    def tick(self, now: int) -> list[Outcome]:
        """Let time go on: call it some times a second."""
        found: list[Outcome] = []
        for node in self._nodes.values():
            found += node.tick(now, self._reorder_ms)
            found += self._ask(node, now)
        return self._counted(found)

    def connection_was_lost(self) -> None:
        """Note that messages may have been missed. Each node is asked for its births."""
        for node in self._nodes.values():
            node.doubt()

    def _received(self, who: SparkplugTopic, payload: bytes, now: int) -> Iterator[Outcome]:
        name = str(who)[:MAX_WHO_CHARS]
        if who.type in {MessageType.NCMD, MessageType.DCMD}:
            yield Drop(Dropped.COMMAND, name)
            return
        if len(payload) > MAX_MESSAGE_BYTES:
            yield Drop(Dropped.TOO_LARGE, name)
            return
        try:
            message = read_payload(payload)
        except BadPayload:
            yield Drop(Dropped.PAYLOAD, name)
            return
        node = self._node(who)
        if node is None:
            yield Drop(Dropped.TOO_MANY, f"{name}: edge nodes")
            return
        yield from node.receive(who, message, len(payload), now)

    def _node(self, who: SparkplugTopic) -> NodeSession | None:
        """The session, made where there is none; None if there are too many, and none of them is dead."""
        key = (who.group, who.node)
        node = self._nodes.get(key)
        if node is not None:
            return node
        if len(self._nodes) >= MAX_NODES:
            dead = next((key for key, one in self._nodes.items() if one.state is NodeState.UNBORN), None)
            if dead is None:
                return None
            del self._nodes[dead]
        return self._nodes.setdefault(key, NodeSession(who.group, who.node, self._wanted))

    def _ask(self, node: NodeSession, now: int) -> Iterator[Outcome]:
        if node.wants_rebirth and self._limit.allows(node.asked, now):
            node.wants_rebirth = False  # until it is heard again
            yield AskRebirth(node.group, node.node)

    def _counted(self, outcomes: list[Outcome]) -> list[Outcome]:
        for outcome in outcomes:
            match outcome:
                case Drop(reason=reason, count=count):
                    self.counts[reason] += count
                case Gap():
                    self.counts["gaps"] += 1
                case AskRebirth():
                    self.counts["rebirths_asked"] += 1
                case Republish():
                    pass
        return outcomes


def wanted_by(patterns: str) -> Callable[[str], bool]:
    """Names of metrics by shell patterns with commas between, such as `Line/*, Hopper/Level`."""
    found = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if "*" in found:
        return lambda _: True

    @lru_cache(maxsize=65_536)
    def wanted(name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in found)

    return wanted
