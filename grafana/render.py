"""All boards: `python -m grafana.render` writes them, in both languages, to `grafana/boards/`.

What is checked in is what this makes; a test compares.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.boards import enforcement, ingestion, overview, recycling, trucks, weighbridges
from grafana.parts.frame import NAMES
from grafana.parts.wording import Language

BOARDS: Final = Path(__file__).parent / "boards"
MAKERS: Final[Mapping[str, Callable[[Language], model.Dashboard]]] = {
    "overview": overview.board,
    "trucks": trucks.board,
    "weighbridges": weighbridges.board,
    "recycling": recycling.board,
    "enforcement": enforcement.board,
    "ingestion": ingestion.board,
}

Json = dict[str, Any]


def as_json(board: model.Dashboard) -> Json:
    """Grafana's classic JSON."""
    made: Json = json.loads(json.dumps(board, cls=JSONEncoder))
    for held in (*made["links"], *made["annotations"]["list"]):
        # The SDK always files them away in a menu; on a wall they are to be seen.
        del held["placement"]
    return made


def all_boards() -> Iterator[tuple[Path, Json]]:
    """Each board with its place below `grafana/boards/`."""
    for language in Language:
        for name in NAMES:
            yield Path(language, f"{name}.json"), as_json(MAKERS[name](language))


def as_text(board: Json) -> str:
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def write_boards(folder: Path = BOARDS) -> None:
    for path, board in all_boards():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(as_text(board), encoding="utf-8")


if __name__ == "__main__":
    write_boards()
