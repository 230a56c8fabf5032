"""`haulwatch evidence export`: the pack of an alert as a file."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, machine_user, out, print_json
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.terminal import one_line
from haulwatch.wiring.packs.exporter import open_exporter
from ingest.evidence import timestamps
from ingest.evidence.manifest import Manifest
from ingest.evidence.pack import Exported
from ingest.evidence.verification import verify

_PRIVATE: int = 0o600


@exits_on_error
def export(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Id of the alert: 16 hex digits.")],
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", dir_okay=False, help="Default: haulwatch-evidence-ALERT.zip, here."),
    ] = None,
    timestamp: Annotated[
        bool, typer.Option("--timestamp", help="Ask the authority of HAULWATCH_EVIDENCE_TSA_URL for a time stamp.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Export the evidence of an alert: raw messages, readings, tracks, versions in force, custody, and a record as PDF.

    The pack is signed by the key of `haulwatch evidence key`. It says whether its messages, judged again, lead to the
    same alert, and what is no longer in the raw log. The export is noted in the audit trail.
    """
    settings = settings_with_data()
    target = file or Path(f"haulwatch-evidence-{alert}.zip")
    if target.exists():
        fail(f"--out {target}: is there already: name another file")
    stamp = None
    if timestamp:
        if settings.evidence.tsa_url is None:
            fail("--timestamp needs HAULWATCH_EVIDENCE_TSA_URL, the address of a time-stamping authority")
        stamp = partial(timestamps.ask, settings.evidence.tsa_url)
    with open_exporter(settings) as exporter:
        exported = Exported(machine_user(), now_ms(), "haulwatch evidence export")
        pack = exporter.export(alert, exported, stamp=stamp)
    manifest = verify(pack, None, "").manifest
    write_entry(settings, "evidence export", alert)
    target.touch(_PRIVATE)
    target.write_bytes(pack)
    if as_json:
        print_json({"file": str(target), "bytes": len(pack), **_summary(manifest)})
        return
    out.print(f"{target}: {len(pack):,} bytes, signed by {manifest.key_id}", markup=False, soft_wrap=True)
    for line in _remarks(manifest):
        out.print(one_line(line), highlight=False, soft_wrap=True)


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "alert_id": manifest.alert_id, "key_id": manifest.key_id, "messages": manifest.messages.count,
        "scope": manifest.messages.scope, "judged_again_same": manifest.judged_again.same,
        "readings_missing": len(manifest.missing.readings), "notes": list(manifest.notes),
    }  # fmt: skip


def _remarks(manifest: Manifest) -> list[str]:
    judged, missing = manifest.judged_again, manifest.missing
    count = f"{manifest.messages.count:,} raw messages"
    if judged.same:
        lines = [f"{count}, judged again: the same alert"]
    elif judged.why_not:
        lines = [f"{count}, not judged again: {judged.why_not}"]
    else:
        lines = [
            f"{count}, judged again: NOT the same alert, {len(judged.differences)} differences",
            *judged.differences[:5],
        ]
    if missing.readings:
        lines.append(f"{len(missing.readings)} readings that the evidence names are no longer in the raw log")
    if missing.damaged:
        lines.append(f"{len(missing.damaged)} stretches of the raw log cannot be read")
    return lines + list(manifest.notes)
