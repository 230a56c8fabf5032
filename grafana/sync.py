"""Brings a running Grafana to what the code says: folders, data source, boards with their alert annotations.

Only what carries our mark is ever changed: the tag `haulwatch` on a board, `managedBy` in a data source. A folder is
made where there is none and left alone otherwise. What has one of our uids and not the mark is somebody else's: it is
named, and nothing is done to it. So is a board that Grafana reads from files: it refuses every other way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from grafana.parts.frame import TAG
from grafana.parts.wording import Language
from grafana.render import all_boards

Json = dict[str, Any]

FOLDERS: Final[Mapping[Language, tuple[str, str]]] = {
    Language.EN: ("haulwatch-en", "Haulwatch"),
    Language.ZH: ("haulwatch-zh", "Haulwatch 中文"),
}
"""uid and title; the same as in `provisioning/dashboards`."""
SOURCE_UID: Final = "haulwatch"
_MARK: Final = {"managedBy": "haulwatch"}
_GRAFANAS_OWN: Final = ("id", "version")
"""Of a board: what Grafana numbers by itself."""
_MOST_PATHS: Final = 20


class Server(Protocol):
    """The part of a Grafana that is used; `grafana.server.Grafana` keeps to it and says what is raised."""

    def folder(self, uid: str) -> Json | None: ...
    def make_folder(self, uid: str, title: str) -> None: ...
    def data_source(self, uid: str) -> Json | None: ...
    def make_data_source(self, source: Json) -> None: ...
    def replace_data_source(self, source: Json) -> None: ...
    def board(self, uid: str) -> Json | None: ...
    def put_board(self, board: Json, folder_uid: str, version: int | None) -> None: ...


class State(StrEnum):
    """How a thing stands on the server."""

    SAME = "same"
    MISSING = "missing"
    DIFFERS = "differs"
    FOREIGN = "foreign"
    """Has our uid and not our mark."""
    PROVISIONED = "provisioned"
    """Grafana reads it from files and lets nobody else change it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, and how it stands."""

    kind: str
    """folder, data source or board."""
    uid: str
    title: str
    state: State
    paths: tuple[str, ...] = ()
    """Where it differs, as far as the first twenty places."""

    @property
    def to_do(self) -> bool:
        return self.state in {State.MISSING, State.DIFFERS}


@dataclass(frozen=True, slots=True)
class Source:
    """Where Grafana finds the readings, as Grafana's own machine sees it."""

    url: str
    database: str
    """The bucket, by the name InfluxQL knows it by."""
    token: str

    def as_json(self) -> Json:
        """What Grafana's API takes."""
        return {
            "uid": SOURCE_UID,
            "name": "Haulwatch",
            "type": "influxdb",
            "access": "proxy",
            "url": self.url,
            "isDefault": False,
            "jsonData": {"dbName": self.database, "httpMode": "POST", "httpHeaderName1": "Authorization", **_MARK},
            "secureJsonData": {"httpHeaderValue1": f"Token {self.token}"},
        }


def compare(server: Server, source: Source | None, boards: Sequence[tuple[Language, Json]]) -> Iterator[Finding]:
    """How everything stands, changing nothing. `source` None: the data source is kept by somebody else."""
    for uid, title in FOLDERS.values():
        standing = server.folder(uid)
        yield Finding("folder", uid, title, State.MISSING if standing is None else State.SAME)
    if source is not None:
        yield _source_finding(source.as_json(), server.data_source(SOURCE_UID))
    for _, board in boards:
        yield _board_finding(board, server.board(board["uid"]))


def sync(server: Server, source: Source | None, boards: Sequence[tuple[Language, Json]]) -> Iterator[Finding]:
    """Make what is missing and change what differs; each thing as it was found, after it was done."""
    for uid, title in FOLDERS.values():
        standing = server.folder(uid)
        if standing is None:
            server.make_folder(uid, title)
        yield Finding("folder", uid, title, State.MISSING if standing is None else State.SAME)
    if source is not None:
        yield _sync_source(server, source.as_json())
    for language, board in boards:
        yield _sync_board(server, board, FOLDERS[language][0])


def _sync_source(server: Server, wanted: Json) -> Finding:
    finding = _source_finding(wanted, server.data_source(SOURCE_UID))
    if finding.state is State.MISSING:
        server.make_data_source(wanted)
    elif finding.state is State.DIFFERS:
        server.replace_data_source(wanted)
    return finding


def _sync_board(server: Server, wanted: Json, folder_uid: str) -> Finding:
    standing = server.board(wanted["uid"])
    finding = _board_finding(wanted, standing)
    if finding.to_do:
        server.put_board(wanted, folder_uid, None if standing is None else standing["dashboard"]["version"])
    return finding


def _source_finding(wanted: Json, standing: Json | None) -> Finding:
    def finding(state: State, paths: tuple[str, ...] = ()) -> Finding:
        return Finding("data source", SOURCE_UID, wanted["name"], state, paths)

    if standing is None:
        return finding(State.MISSING)
    if standing.get("readOnly"):
        return finding(State.PROVISIONED)
    if not _MARK.items() <= (standing.get("jsonData") or {}).items():
        return finding(State.FOREIGN)
    # Only what we set: Grafana adds fields of its own, and which source is the default is the operator's.
    ours = {name: value for name, value in wanted.items() if name not in {"secureJsonData", "isDefault"}}
    paths = tuple(_differences(ours, {name: standing.get(name) for name in ours}))
    secrets = standing.get("secureJsonFields") or {}
    paths += tuple(f"secureJsonData.{name}" for name in wanted["secureJsonData"] if not secrets.get(name))
    return finding(State.DIFFERS if paths else State.SAME, paths[:_MOST_PATHS])


def _board_finding(wanted: Json, standing: Json | None) -> Finding:
    def finding(state: State, paths: tuple[str, ...] = ()) -> Finding:
        return Finding("board", wanted["uid"], wanted["title"], state, paths)

    if standing is None:
        return finding(State.MISSING)
    board, meta = standing["dashboard"], standing.get("meta", {})
    if meta.get("provisioned"):
        return finding(State.PROVISIONED)
    if TAG not in board.get("tags", ()):
        return finding(State.FOREIGN)
    paths = tuple(_differences(_without_numbers(wanted), _without_numbers(board)))
    return finding(State.DIFFERS if paths else State.SAME, paths[:_MOST_PATHS])


def _without_numbers(board: Json) -> Json:
    return {name: value for name, value in board.items() if name not in _GRAFANAS_OWN}


def _differences(wanted: Any, standing: Any, path: str = "") -> Iterator[str]:
    """Paths at which two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(standing, dict):
        for name in sorted(wanted.keys() | standing.keys()):
            yield from _differences(wanted.get(name), standing.get(name), f"{path}.{name}" if path else name)
    elif isinstance(wanted, list) and isinstance(standing, list) and len(wanted) == len(standing):
        for place, (one, other) in enumerate(zip(wanted, standing, strict=True)):
            yield from _differences(one, other, f"{path}[{place}]")
    elif wanted != standing:
        yield path


def boards_for(api_url: str) -> list[tuple[Language, Json]]:
    """Every board, its map layers asked of the API at `api_url` (as the viewer's browser reaches it)."""
    return [(Language(path.parts[0]), _with_api(board, api_url)) for path, board in all_boards()]


def _with_api(board: Json, api_url: str) -> Json:
    variables = [
        {
            **variable,
            "query": api_url,
            "current": {**variable["current"], "text": api_url, "value": api_url},
            "options": [{**option, "text": api_url, "value": api_url} for option in variable["options"]],
        }
        if variable["name"] == "api"
        else variable
        for variable in board["templating"]["list"]
    ]
    return {**board, "templating": {**board["templating"], "list": variables}}
