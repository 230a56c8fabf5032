"""Results of the console's stages."""

from dataclasses import dataclass

from tests.bench.measures import Percentiles


@dataclass(frozen=True, slots=True)
class MapRow:
    """The map of one browser during one phase."""

    phase: str
    """`still`: nobody touches the map; `panned`: it is dragged all the time; `zoomed`: by the wheel, in and out."""
    trucks: int
    frame_ms: Percentiles
    """Between two animation frames of the page."""
    longest_ms: float
    work_ms: Percentiles
    """CPU of the page's main thread for a frame: neither drawing nor the load of the machine is in it."""
    longest_task_ms: float
    """CPU of its longest task, during which it hears no input."""
    drawing_ms: float
    """CPU of the process that draws, for a frame, on average: what a graphics card takes over."""
    heap_mb: float
    """JavaScript of the page at the end of the phase."""
    browser_mb: float
    """Resident, all processes of the browser."""
    browser_cpu_pct: float
    """Of one core; the picture is drawn by the processor, too."""
    api_cpu_pct: float
    """Of one core, at one desk."""
    api_mb: float


@dataclass(frozen=True, slots=True)
class Streams:
    """Open live streams while alerts change."""

    streams: int
    signed_in: bool
    """True: each stream is of a session, three of a person; False: nobody has an account."""
    changes: int
    deaf: int
    """Streams, beside those, whose client reads nothing."""
    cut_off: int
    """Of the deaf ones, closed by the server before the end."""
    delay_ms: Percentiles
    """From the journal to a client, of every change at every stream."""
    cpu_ms: float
    """CPU of the API for one change, at all streams together."""
    memory_before_mb: float
    """Resident memory of the API with all streams open, before the first change."""
    memory_mb: float
    """After the last."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Answers to one question about a long queue."""

    question: str
    pages: int
    """Of 100 alerts, as the console asks for them, one after the other until the last or the most that is measured."""
    page_ms: Percentiles
    longest_ms: float
