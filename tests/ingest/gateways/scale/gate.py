"""A scale's stream of frames in front of the state machine of passes, as its tests drive it."""

from collections.abc import Iterable, Iterator
from typing import Final

from devices.codecs.scale.frame import Frame
from devices.codecs.scale.settings import ScaleSettings, built_in
from devices.codecs.scale.stream import FrameStream
from ingest.gateways.scale.passes import Event, NoTicket, Passes, Settled, Unweighed, Weighed
from simulators.dialects.scale.bridge import Display
from simulators.dialects.scale.frames import WRITERS

START: Final = 1_795_305_263_000


def profile(name: str) -> ScaleSettings:
    found = built_in(name)
    assert found is not None
    return found


class Gate:
    """The state machine behind a stream, with what would be on disk."""

    def __init__(self, chosen: ScaleSettings) -> None:
        self.chosen = chosen
        self.stream = FrameStream(chosen)
        self.passes = Passes(chosen)
        self.kept: Settled | None = None
        self.events: list[Event] = []

    def take(self, at: int, data: bytes) -> None:
        for one in self.stream.feed(data):
            if isinstance(one, Frame):
                for event in self.passes.take(one, at):
                    self.kept = event if isinstance(event, Settled) else None
                    self.events.append(event)

    def restart(self) -> None:
        """The process dies here, and comes back with what is on disk."""
        self.stream = FrameStream(self.chosen)
        self.passes = Passes(self.chosen, self.kept)

    @property
    def weighed(self) -> list[int]:
        return [int(event.settled.kg) for event in self.events if isinstance(event, Weighed)]

    @property
    def without(self) -> list[NoTicket]:
        return [event.why for event in self.events if isinstance(event, Unweighed)]


def sent(name: str, shown: Iterable[Display]) -> Iterator[tuple[int, bytes]]:
    """As frames. No truck leaves between two of them: one halfway is put in where a story leaves it out."""
    before = Display(0, 0, moving=False)
    for one in shown:
        if before.kg >= 400 and one.kg < 200 and one.at - before.at > 1:
            yield before.at + 1, WRITERS[name](before._replace(kg=before.kg // 2, moving=True))
        yield one.at, WRITERS[name](one)
        before = one


def keyed(name: str, shown: Iterable[Display]) -> Gate:
    """The display as it is: a jump to zero is the tare key."""
    gate = Gate(profile(name))
    for one in shown:
        gate.take(one.at, WRITERS[name](one))
    return gate


def passed(name: str, shown: Iterable[Display]) -> Gate:
    gate = Gate(profile(name))
    for at, data in sent(name, shown):
        gate.take(at, data)
    return gate


def still(kg: int, seconds: float, at: int, *, every_ms: int = 100) -> Iterator[Display]:
    for number in range(round(seconds * 1000 / every_ms)):
        yield Display(at + number * every_ms, kg, moving=False)


def shows(*steps: tuple[int, float]) -> list[Display]:
    shown: list[Display] = []
    at = START
    for kg, seconds in steps:
        shown += still(kg, seconds, at)
        at += round(seconds * 1000)
    return shown
