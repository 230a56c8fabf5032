"""The process that looks at one file: `python -m rules.attachments.inspection_process PIXELS SECONDS`.

In: the file, as standard input. Out: an Answer, as JSON. It gets no settings and no secrets, and bounds its own time
and memory: decoders of pictures are the part of a server that hostile files are made for.
"""

import math
import os
import subprocess
import sys
import time
from typing import BinaryIO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from rules.attachments.inspection import OF_STAFF, Bounds, Inspected, Unfit, inspect

COMMAND: Final = (sys.executable, "-m", "rules.attachments.inspection_process")
MOST_BYTES: Final = 768 << 20
"""Of memory: a PNG of 100 million pixels took 420 MB, a WebP of 36 million 670, the interpreter included."""
_LONGEST_S: Final = 120.0
"""On a machine that is busy with all else."""
_PRIORITY: Final = 5
_FOR_PYTHON: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


class Answer(BaseModel):
    """One of the two."""

    model_config = ConfigDict(frozen=True)

    inspected: Inspected | None = None
    unfit: str = ""


def inspect_apart(file: BinaryIO, bounds: Bounds = OF_STAFF) -> Inspected:
    """Look at a file on disk in a process of its own. Raises Unfit."""
    file.seek(0)
    environment = {name: os.environ[name] for name in _FOR_PYTHON if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            (*COMMAND, *map(str, bounds)),
            stdin=file,
            capture_output=True,
            timeout=_LONGEST_S,
            env=environment,
            check=False,
        )
        answer = Answer.model_validate_json(done.stdout)
    except subprocess.TimeoutExpired as exc:
        raise Unfit("takes too long to look at: shrink it, or save it anew") from exc
    except ValidationError as exc:  # it was killed, for what it took
        raise Unfit("takes more time or memory to look at than it may: shrink it, or save it anew") from exc
    if answer.inspected is None:
        raise Unfit(answer.unfit)
    return answer.inspected


def main() -> None:
    bounds = Bounds(*map(int, sys.argv[1:]))
    _make_modest(bounds.cpu_s)
    try:
        answer = Answer(inspected=inspect(sys.stdin.buffer, bounds))
    except Unfit as exc:
        answer = Answer(unfit=str(exc))
    sys.stdout.write(answer.model_dump_json())


def _make_modest(cpu_s: int) -> None:
    os.nice(_PRIORITY)
    import resource  # noqa: PLC0415 - of this process only

    most_s = math.ceil(time.process_time()) + cpu_s  # to start Python is not the file's doing
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform.startswith("linux"):  # elsewhere this limit does not hold what a process allocates
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


if __name__ == "__main__":
    main()
