"""Renders all boards as JSON: `python -m grafana.render` writes them, in both languages, to `grafana/boards/`.

The rendered files are checked in; a test compares them with the code.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.boards import city_ledger, enforcement, ingestion, manifests, overview, recycling, trucks, weighbridges
from grafana.parts.panels import BoardBuilder
from grafana.parts.wording import Language

BOARDS: Final = Path(__file__).parent / "boards"
API_URL: Final = "http://127.0.0.1:8080"
"""The address of the API in the compose file."""
BUILDERS: Final[Mapping[str, Callable[[BoardBuilder], model.Dashboard]]] = {
    "overview": overview.board,
    "trucks": trucks.board,
    "weighbridges": weighbridges.board,
    "ledger": city_ledger.board,
    "manifests": manifests.board,
    "recycling": recycling.board,
    "enforcement": enforcement.board,
    "ingestion": ingestion.board,
}

Json = dict[str, Any]


def as_json(board: model.Dashboard) -> Json:
    """The board in Grafana's classic JSON model."""
    board_json: Json = json.loads(json.dumps(board, cls=JSONEncoder))
    for item in (*board_json["links"], *board_json["annotations"]["list"]):
        # The SDK always puts them into a menu; on a wall display they must be visible.
        del item["placement"]
    return board_json


def all_boards(api_url: str = API_URL, map_token: str | None = None) -> Iterator[tuple[Path, Json]]:
    """Every board with its path below a folder of boards, such as `grafana/boards/`.

    Map layers come from the API at `api_url`, the address that the viewer's browser uses; `map_token` opens them, if
    they are not public.
    """
    for language in Language:
        for name, build in BUILDERS.items():
            builder = BoardBuilder(language, api_url.rstrip("/"), map_token)
            yield Path(language, f"{name}.json"), as_json(build(builder))


def as_text(board: Json) -> str:
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def write_boards(folder: Path = BOARDS, api_url: str = API_URL, map_token: str | None = None) -> int:
    """Write every board below `folder`, under the names that compose and Grafana's provisioning expect; return how many
    there are.
    """
    boards = list(all_boards(api_url, map_token))
    for path, board in boards:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(as_text(board), encoding="utf-8")
    return len(boards)


if __name__ == "__main__":
    write_boards()
