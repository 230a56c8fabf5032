"""Errors of the raw log.

RawLogError
├── RawLogUnavailable  the log does not answer; keep the batch, try again
│   └── RawLogFull     disk full, I/O error, locked too long: nothing of the batch is in the log
├── RawLogMisfit       another log than before, or other partitions; a person has to choose
│   └── LogMadeAnew    a topic of the same name, and none of its records is that which was read
└── RawLogCorrupt      a record does not read back as it was written; go on with `read(after=exc.through)`
"""

from pathlib import Path

from devices.errors import OperatorError


class RawLogError(OperatorError):
    """The raw log cannot be read or written."""


class RawLogUnavailable(RawLogError):
    """The log takes or gives nothing now. Keep the batch and try again, for ever; some of it may be in the log."""


class RawLogFull(RawLogUnavailable):
    """Nothing of the batch is in the log."""


class RawLogMisfit(RawLogError):
    """The log is not the one that was read or written so far: trying again does not help."""


class LogMadeAnew(RawLogMisfit):
    """What was kept is of a topic that was deleted; the one of that name was made since."""


class RawLogCorrupt(RawLogError):
    """Records from `offset` to `through` are damaged or missing; those after them may be whole."""

    def __init__(self, path: Path, offset: int, detail: str, through: int | None = None) -> None:
        """`through`: the last one before the next that can be read; None: `offset` itself."""
        self.path, self.offset, self.detail = path, offset, detail
        self.through = offset if through is None else through
        named = f"offset {offset}" if self.through == offset else f"offsets {offset} to {self.through}"
        super().__init__(f"{path}: {named}: {detail}")
