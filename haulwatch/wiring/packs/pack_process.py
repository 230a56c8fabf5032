"""The process that makes one evidence pack for the API: `python -m haulwatch.wiring.packs.pack_process FD`.

In: a PackRequest, as JSON on standard input; settings from the environment. Out: the pack, into the open file FD; then
a PackAnswer, as JSON on standard output.
"""

import sys
from base64 import b64decode
from functools import partial
from time import monotonic
from typing import Final

from devices.access.signatures import BadKey, NoSigningKey
from devices.city.columns import unpack_city
from devices.db.database import DatabaseError
from devices.errors import OperatorError
from haulwatch.process.modest import be_modest
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.packs.exporter import open_exporter
from haulwatch.wiring.packs.processes import PackAnswer, PackFault, PackRequest
from ingest.evidence.errors import NoSuchAlert
from ingest.log.raw_log import RawLogError

MOST_BYTES: Final = 1 << 30
"""A pack of 32 MiB of messages and 100 MiB of photos takes some 600 MB, the interpreter included."""
READS_S: Final = 120.0
"""So long it reads the raw log, then it takes what leads nearest. A command takes the time it needs."""
_PRIORITY: Final = 10
"""Somebody waits for it, and the path of the readings goes first."""
_FAULTS: Final[tuple[tuple[type[Exception], PackFault], ...]] = (
    (NoSuchAlert, PackFault.NO_SUCH_ALERT),
    (NoSigningKey, PackFault.NO_KEY),
    (BadKey, PackFault.NO_KEY),
    (DatabaseError, PackFault.DATABASE),
    (RawLogError, PackFault.RAW_LOG),
    (OperatorError, PackFault.NOT_MADE),
)
_make_modest: Final = partial(be_modest, _PRIORITY, MOST_BYTES)


def main() -> None:
    _make_modest()
    request = PackRequest.model_validate_json(sys.stdin.read())
    try:
        content = _pack(request)
        with open(int(sys.argv[1]), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
        answer = PackAnswer()
    except MemoryError:
        answer = PackAnswer(fault=PackFault.TOO_MUCH_MEMORY)
    except (OperatorError, RawLogError) as exc:
        fault = next(fault for kind, fault in _FAULTS if isinstance(exc, kind))
        answer = PackAnswer(fault=fault, detail=str(exc))
    sys.stdout.write(answer.model_dump_json() + "\n")


def _pack(request: PackRequest) -> bytes:
    from ingest.evidence.pack import Exported

    ends = monotonic() + READS_S
    part = None if request.part is None else unpack_city(b64decode(request.part))
    exported = Exported(request.by, request.at, "GET /api/v1/alerts/{alert_id}/evidence-pack")
    with open_exporter(settings_with_data()) as exporter:
        return exporter.export(request.alert_id, exported, part, in_time=lambda: monotonic() < ends)


if __name__ == "__main__":
    main()
