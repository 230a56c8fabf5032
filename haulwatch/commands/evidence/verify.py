"""`haulwatch evidence verify`: a pack checked and judged again, on any machine."""

from pathlib import Path
from typing import Annotated, Final

import typer

from devices.access.signatures import MAX_KEY_BYTES, BadKey, PublicKey
from devices.bounded_files import UnboundedFile, read_bounded
from haulwatch import __version__
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, out
from haulwatch.terminal import one_line
from ingest.evidence import timestamps
from ingest.evidence.archive import ARCHIVE, MAX_PACK_BYTES, read_archive
from ingest.evidence.errors import PackRefused
from ingest.evidence.manifest import SIGNATURE
from ingest.evidence.verification import Verified, as_json
from ingest.evidence.verification import verify as verified_pack

REFUSED: Final = 1
OTHERWISE: Final = 3


@exits_on_error
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The pack.")],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="Public key of whoever made it, from a source you trust."
        ),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(
            "--tsa-certificates", metavar="FILE", exists=True, dir_okay=False,
            help="Root certificates (PEM) of the authority of its time stamp.",
        ),
    ] = None,
    as_json_flag: JsonFlag = False,
) -> None:  # fmt: skip
    """Verify an evidence pack: signature, hashes and chain; then judge its raw messages again. Needs no data directory.

    Exit code 0: nothing was changed, and the messages lead to the same alert. 1: refused, naming the file that was
    changed. 3: nothing was changed, but the messages could not be judged again to the same alert.
    """
    trusted = None if key is None else _key(key)
    try:
        content = read_bounded(file, MAX_PACK_BYTES, "no pack is")
        found = verified_pack(content, trusted, __version__)
        stamp = _time_stamp(content, found, authority)
    except (PackRefused, UnboundedFile) as exc:
        refused = exc if isinstance(exc, PackRefused) else PackRefused(ARCHIVE, str(exc))
        err.print(one_line(f"haulwatch: {file}: REFUSED: {refused}"), style="red", highlight=False)
        raise typer.Exit(REFUSED) from exc
    if as_json_flag:
        typer.echo(as_json(found))
    else:
        for line in (*_lines(found), *stamp):
            out.print(one_line(line), highlight=False, soft_wrap=True)
    if not found.same:
        raise typer.Exit(OTHERWISE)


def _key(path: Path) -> PublicKey:
    try:
        return PublicKey(read_bounded(path, MAX_KEY_BYTES, "it is no key"))
    except (BadKey, UnboundedFile) as exc:
        fail(f"--key {path}: {exc}")


def _lines(found: Verified) -> list[str]:
    manifest, last = found.manifest, found.changes[-1]
    signed = f"intact: {len(manifest.files)} files, signed by the key {manifest.key_id}"
    lines = [f"{signed}, which you trust" if found.trusted else f"{signed}"]
    if not found.trusted:
        lines.append(
            "WARNING: the key is the one in the pack: it shows that nothing was changed since, not who made it. Give "
            "--key with the public key of whoever made it."
        )
    lines.append(f"alert {manifest.alert_id}: {manifest.rule} of {manifest.subject}: {last.title.en} / {last.title.zh}")
    lines.append(f"state: {last.phase}, {last.severity}" + (f", {last.amendment}" if last.amendment else ""))
    if manifest.amendment is not None:
        lines.append(f"it was {manifest.amendment}: alert/before_amendment.json holds what was published before")
    lines += _judgement(found)
    if manifest.missing.readings:
        lines.append(f"{len(manifest.missing.readings)} readings that the evidence names were no longer in the raw log")
    if manifest.missing.damaged:
        lines.append(f"{len(manifest.missing.damaged)} stretches of the raw log could not be read")
    lines += [f"note: {one}" for one in manifest.notes]
    return lines


def _judgement(found: Verified) -> list[str]:
    manifest, again = found.manifest, found.comparison
    lines = []
    if found.other_rules or found.version != manifest.program.version:
        lines.append(f"made by haulwatch {manifest.program.version}, judged here by {found.version}")
        lines += [f"  rule {one}" for one in found.other_rules]
    count = f"{found.messages:,} raw messages"
    if again is None:
        lines.append(f"{count}, NOT judged again: {found.why_not}")
    elif again.same:
        lines.append(f"{count}, judged again: the same alert, in all {len(found.changes)} changes")
    else:
        expected = "" if manifest.judged_again.same else ", as the pack itself says"
        lines.append(f"{count}, judged again: NOT the same alert{expected}:")
        lines += [f"  {one}" for one in again.differences]
    return lines


def _time_stamp(content: bytes, found: Verified, authority: Path | None) -> list[str]:
    """What the time stamp says. Raises PackRefused."""
    if found.timestamp is None:
        return [] if authority is None else ["it has no time stamp"]
    try:
        at = timestamps.stamped_at(found.timestamp).isoformat()
        if authority is None:
            return [f"time stamp: {at}, not checked: give --tsa-certificates, or use `openssl ts -verify`"]
        timestamps.check(found.timestamp, read_archive(content)[SIGNATURE], authority)
    except ImportError:
        return [f"it has a time stamp, not checked: {timestamps.NOT_INSTALLED}, or use `openssl ts -verify`"]
    return [f"time stamp: {at}, by an authority that you trust"]
