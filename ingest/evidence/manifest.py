"""The manifest of a pack: a hash of every file, the chain of its messages, and what the export found. It is signed.

manifest.json     names every file with size and SHA-256
manifest.sig      Ed25519 signature of manifest.json
public_key.pem    the key it is verified by
timestamp.tsr     RFC 3161 time stamp of manifest.sig, if one was asked for
timestamp.sig     Ed25519 signature of timestamp.tsr
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.access.signatures import BadKey, PublicKey, SigningKey
from ingest.evidence.errors import PackRefused

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
KEY: Final = "public_key.pem"
TIMESTAMP: Final = "timestamp.tsr"
TIMESTAMP_SIGNATURE: Final = "timestamp.sig"
SUMS: Final = "SHA256SUMS"
OUTSIDE: Final = frozenset({MANIFEST, SIGNATURE, KEY, TIMESTAMP, TIMESTAMP_SIGNATURE})
"""Files that the manifest does not list."""
FORMAT: Final = "haulwatch-evidence/1"


class FileEntry(BaseModel):
    """One file of the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int
    sha256: str


class Program(BaseModel):
    """What judged the alert, and made the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "haulwatch"
    version: str
    rules: dict[str, int]
    """Version of each rule."""


class Messages(BaseModel):
    """The raw messages of the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int
    """Without marks and revisions."""
    first_offset: int
    last_offset: int
    chain_start: str
    chain_head: str
    scope: str
    places: str = "all"
    """Which places of the city the revisions hold; packs from before this was noted hold all."""
    lead_ms: int
    max_payload_bytes: int


class Judged(BaseModel):
    """What judging the messages again led to at the export."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    same: bool
    differences: tuple[str, ...] = ()
    why_not: str = ""


class Missing(BaseModel):
    """What the raw log no longer had."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_begins_at: int | None = None
    readings: tuple[dict[str, Any], ...] = ()
    """Readings that the evidence names and no message of the pack holds."""
    damaged: tuple[tuple[int, int], ...] = ()


class Manifest(BaseModel):
    """The whole of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    alert_id: str
    rule: str
    subject: str
    phase: str
    amendment: str | None
    key_id: str
    program: Program
    messages: Messages
    judged_again: Judged
    missing: Missing
    notes: tuple[str, ...] = ()
    files: tuple[FileEntry, ...]


def entries_of(files: Mapping[str, bytes]) -> tuple[FileEntry, ...]:
    return tuple(
        FileEntry(name=name, size=len(content), sha256=sha256(content).hexdigest())
        for name, content in sorted(files.items())
    )


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """The hashes as `sha256sum --check` reads them."""
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()


def sealed(files: Mapping[str, bytes], manifest: Manifest, key: SigningKey) -> dict[str, bytes]:
    """The files with manifest, signature and public key."""
    content = (json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n").encode()
    return {**files, MANIFEST: content, SIGNATURE: key.sign(content), KEY: key.public.pem}


def check_seal(files: Mapping[str, bytes], trusted: PublicKey | None) -> Manifest:
    """The manifest of files that are all as they were when it was signed. Raises PackRefused.

    `trusted`: the key that must have signed; None: the one in the pack, which shows only that nothing was changed since
    somebody made the pack.
    """
    for name in (MANIFEST, SIGNATURE, KEY):
        if name not in files:
            raise PackRefused(name, "is missing")
    try:
        own = PublicKey(files[KEY])
    except BadKey as exc:
        raise PackRefused(KEY, str(exc)) from exc
    if own.pem != files[KEY]:
        raise PackRefused(KEY, "was changed")
    if trusted is not None and trusted.pem != own.pem:
        raise PackRefused(KEY, f"the pack is signed by the key {own.id}, not by {trusted.id}, which you trust")
    try:
        manifest = Manifest.model_validate_json(files[MANIFEST])
    except ValidationError as exc:
        raise PackRefused(MANIFEST, "is no manifest of a pack, or was changed") from exc
    key = own if trusted is None else trusted
    if not key.verifies(files[SIGNATURE], files[MANIFEST]):
        blamed = KEY if manifest.key_id != own.id else f"{MANIFEST} or {SIGNATURE}"
        raise PackRefused(blamed, "was changed: the signature is not that of the manifest")
    if manifest.key_id != own.id:
        raise PackRefused(KEY, f"has the id {own.id}, the manifest names {manifest.key_id}")
    if manifest.format != FORMAT:
        raise PackRefused(MANIFEST, f"is of the format {manifest.format[:40]!r}, this version reads {FORMAT}")
    _check_files(files, manifest)
    _check_timestamp_signature(files, key)
    return manifest


def _check_files(files: Mapping[str, bytes], manifest: Manifest) -> None:
    listed = {entry.name: entry for entry in manifest.files}
    for name, entry in listed.items():
        if name not in files:
            raise PackRefused(name, "is missing")
        content = files[name]
        if len(content) != entry.size or sha256(content).hexdigest() != entry.sha256:
            raise PackRefused(name, f"was changed: its SHA-256 is not {entry.sha256}")
    for name in sorted(files.keys() - listed.keys() - OUTSIDE):
        raise PackRefused(name, "was added: the manifest does not name it")


def _check_timestamp_signature(files: Mapping[str, bytes], key: PublicKey) -> None:
    stamp, signature = files.get(TIMESTAMP), files.get(TIMESTAMP_SIGNATURE)
    if (stamp is None) is not (signature is None):
        raise PackRefused(TIMESTAMP if stamp is None else TIMESTAMP_SIGNATURE, "is missing")
    if stamp is not None and signature is not None and not key.verifies(signature, stamp):
        raise PackRefused(f"{TIMESTAMP} or {TIMESTAMP_SIGNATURE}", "was changed")
