"""When a process looks for cycles among its objects."""

import gc
from typing import Final

YOUNG_OBJECTS: Final = 50_000
"""A batch makes some ten thousand objects and no cycles; a search for cycles every 700 took a fifth of the recorder,
and a seventh of the start of a process, which loads a thousand modules that stay."""


def look_seldom() -> None:
    """Look for cycles each `YOUNG_OBJECTS` new objects."""
    gc.set_threshold(YOUNG_OBJECTS)


def keep_objects() -> None:
    """Look for cycles among the objects made since the last call, and at what is left never again.

    A process keeps a state for each device of a large city: to search all of it for cycles took a tenth of the judge.
    """
    gc.collect()
    gc.freeze()


def let_go() -> None:
    """Free what was kept and is used no more, such as a judge's former engine; then keep the rest.

    Searches all objects: seconds in a large city. For what happens seldom.
    """
    gc.unfreeze()
    keep_objects()
