"""Warnings that would repeat: each kind of trouble is logged once, and again only after it ended."""

from logging import Logger


class TroubleLog:
    """What one part of a process has logged."""

    def __init__(self, log: Logger, who: str = "") -> None:
        """`who`: before each text, with a colon."""
        self._log, self._who = log, who
        self._logged: set[str] = set()

    def warn(self, kind: str, text: str) -> None:
        """Log a trouble, unless one of its kind was logged since that ended."""
        if kind not in self._logged:
            self._logged.add(kind)
            self._log.warning("%s%s", self._who, text)

    def ended(self, kind: str) -> None:
        """The trouble of this kind is over."""
        self._logged.discard(kind)

    def all_ended(self) -> None:
        """Every trouble is over."""
        self._logged.clear()
