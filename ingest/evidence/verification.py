"""Verifies a pack with nothing but its file: seal, hashes, chain; then judges its messages again.

Everything in the file may be hostile: sizes are bounded before anything is read, and nothing of it is executed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from devices.access.signatures import PublicKey
from devices.bounded_files import UnboundedFile, read_bounded
from ingest.evidence.archive import ARCHIVE, MAX_JSON_BYTES, MAX_PACK_BYTES, read_archive
from ingest.evidence.errors import NotJudged, PackRefused
from ingest.evidence.judging import FOLDER, Comparison, judge_again, revision_payloads
from ingest.evidence.manifest import TIMESTAMP, Manifest, check_seal
from ingest.evidence.pack import CHANGES_FILE, rule_versions
from ingest.evidence.raw_messages import MESSAGES_FILE, START, read_lines
from ingest.log.records import NO_READINGS, LogRecord
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange

_ENTRIES: Final = TypeAdapter(tuple[JournalEntry, ...])
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Those that JSON leaves as they are, and terminals obey."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a pack that nobody changed turned out to hold."""

    manifest: Manifest
    trusted: bool
    """It is signed by a key that the caller trusts, not merely by the one in the pack."""
    changes: tuple[AlertChange, ...]
    """Of the alert, as the journal had them."""
    messages: int
    comparison: Comparison | None
    why_not: str = ""
    """Why the messages could not be judged again."""
    version: str = ""
    """Of the program that verified it."""
    other_rules: tuple[str, ...] = ()
    """Rules whose version differs from the one that made the pack, as `name 3, made by 2`."""
    timestamp: bytes | None = None
    """RFC 3161 token; not verified here."""

    @property
    def same(self) -> bool:
        """The messages lead to the same alert."""
        return self.comparison is not None and self.comparison.same


def verify_file(path: Path, trusted: PublicKey | None, version: str) -> Verified:
    """Raises PackRefused, OSError. `version`: of this program."""
    try:
        content = read_bounded(path, MAX_PACK_BYTES, "no pack is")
    except UnboundedFile as exc:
        raise PackRefused(ARCHIVE, str(exc)) from exc
    return verify(content, trusted, version)


def verify(content: bytes, trusted: PublicKey | None, version: str) -> Verified:
    """Raises PackRefused."""
    files = read_archive(content)
    for name in files:
        if (name.endswith(".json") or name.startswith(FOLDER)) and len(files[name]) > MAX_JSON_BYTES:
            raise PackRefused(name, f"is larger than {MAX_JSON_BYTES >> 20} MiB")
    manifest = check_seal(files, trusted)
    changes = _changes(files)
    records = _records(files, manifest)
    comparison, why_not = _judged(records, changes, manifest)
    return Verified(
        manifest, trusted is not None, changes, manifest.messages.count, comparison, why_not, version,
        tuple(_other_rules(manifest.program.rules)), files.get(TIMESTAMP),
    )  # fmt: skip


def _changes(files: Mapping[str, bytes]) -> tuple[AlertChange, ...]:
    try:
        entries = _ENTRIES.validate_json(files[CHANGES_FILE])
    except KeyError as exc:
        raise PackRefused(CHANGES_FILE, "is missing") from exc
    except (ValidationError, RecursionError) as exc:
        raise PackRefused(CHANGES_FILE, "holds no changes of an alert") from exc
    if not entries:
        raise PackRefused(CHANGES_FILE, "holds no changes of an alert")
    return tuple(entry.change for entry in entries)


def _records(files: Mapping[str, bytes], manifest: Manifest) -> Sequence[LogRecord]:
    if MESSAGES_FILE not in files:
        raise PackRefused(MESSAGES_FILE, "is missing")
    try:
        payloads = revision_payloads(files)
    except RecursionError as exc:
        raise PackRefused("judging/", "is nested too deeply") from exc
    records, head = read_lines(files[MESSAGES_FILE], payloads)
    claimed = manifest.messages
    own = [one for one in records if one.message.topic not in NO_READINGS]
    if (claimed.chain_start, claimed.chain_head, claimed.count) != (START.hex(), head, len(own)):
        raise PackRefused(MESSAGES_FILE, "its chain does not end where the manifest says")
    return records


def _judged(
    records: Sequence[LogRecord], changes: Sequence[AlertChange], manifest: Manifest
) -> tuple[Comparison | None, str]:
    try:
        return judge_again(records, changes, manifest.messages.max_payload_bytes), ""
    except NotJudged as exc:
        return None, str(exc)


def _other_rules(made: Mapping[str, int]) -> list[str]:
    own = rule_versions()
    found = [
        f"{name} {own[name]}, made by {made[name]}" for name in own.keys() & made.keys() if own[name] != made[name]
    ]
    found += [f"{name}: not in this version" for name in made.keys() - own.keys()]
    return sorted(found + [f"{name}: not in the version that made it" for name in own.keys() - made.keys()])


def as_json(verified: Verified) -> str:
    """For programs."""
    manifest, changes = verified.manifest, verified.changes
    last = changes[-1]
    again = verified.comparison
    return json.dumps(
        {
            "intact": True,
            "trusted_key": verified.trusted,
            "key_id": manifest.key_id,
            "alert_id": manifest.alert_id,
            "rule": manifest.rule,
            "subject": manifest.subject,
            "phase": str(last.phase),
            "amendment": manifest.amendment,
            "messages": verified.messages,
            "judged_again_same": verified.same,
            "differences": list(again.differences) if again is not None else [],
            "not_judged": verified.why_not,
            "notes": list(manifest.notes),
            "exported_same": manifest.judged_again.same,
            "made_by": manifest.program.version,
            "judged_by": verified.version,
            "other_rules": list(verified.other_rules),
            "timestamp": verified.timestamp is not None,
        },
        ensure_ascii=False,
    ).translate(_CONTROLS)
