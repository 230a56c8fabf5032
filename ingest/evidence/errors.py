"""Errors of evidence packs.

EvidenceError
├── NoSuchAlert      no alert has this id
├── NotExported      the pack cannot be made; says why
├── PackRefused      the file is no pack, or was changed; names the file inside the pack
└── NotJudged        the pack is whole, but this version cannot judge it again; says why
"""

from devices.errors import OperatorError


class EvidenceError(OperatorError):
    """An evidence pack cannot be made or believed; base class."""


class NoSuchAlert(EvidenceError):
    """No alert has this id."""


class NotExported(EvidenceError):
    """The pack cannot be made."""


class PackRefused(EvidenceError):
    """The file is no evidence pack, or it was changed after it was signed."""

    def __init__(self, name: str, detail: str) -> None:
        """`name`: the file inside the pack, or "the archive"."""
        super().__init__(f"{name}: {detail}")
        self.name, self.detail = name, detail


class NotJudged(EvidenceError):
    """The messages of a pack cannot be judged again by this version."""
