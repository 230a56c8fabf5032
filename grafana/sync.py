"""Synchronises a running Grafana with the code: folders, data source, boards, and the playlists of wall displays.

Only objects with our mark are changed: the tag `haulwatch` on a board, `managedBy` in a data source. A playlist has no
place for a mark: its uid is one. A missing folder is created; an existing folder is not changed. An object with one of
our uids and without the mark belongs to somebody else: it is reported and not changed. The same holds for a board that
Grafana reads from files, since Grafana refuses to change it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from grafana.parts.frame import TAG
from grafana.parts.frame import uid as board_uid
from grafana.parts.wording import Language
from grafana.render import all_boards

Json = dict[str, Any]

FOLDERS: Final[Mapping[Language, tuple[str, str]]] = {
    Language.EN: ("haulwatch-en", "Haulwatch"),
    Language.ZH: ("haulwatch-zh", "Haulwatch 中文"),
}
"""uid and title, as in `provisioning/dashboards`."""
WALL: Final = ("overview", "trucks", "enforcement", "weighbridges", "recycling")
"""The boards that a wall display shows in turn; whoever runs the system opens *Ingestion health*."""
PLAYLISTS: Final[Sequence[Json]] = tuple(
    {
        "uid": uid,
        "name": name,
        "interval": "1m",
        "items": [{"type": "dashboard_by_uid", "value": board_uid(board, language)} for board in WALL],
    }
    for language, uid, name in (
        (Language.EN, "haulwatch-wall", "Haulwatch wall"),
        (Language.ZH, "haulwatch-wall-zh", "Haulwatch 大屏"),
    )
)
"""As Grafana's API gives and takes them."""
SOURCE_UID: Final = "haulwatch"
_MARK: Final = {"managedBy": "haulwatch"}
_SET_BY_GRAFANA: Final = ("id", "version")
"""Keys of a board that Grafana sets itself."""
_MAX_PATHS: Final = 20


class Server(Protocol):
    """The part of a Grafana server that sync uses; `grafana.server.Grafana` implements it and documents the errors."""

    def folder(self, uid: str) -> Json | None: ...
    def make_folder(self, uid: str, title: str) -> None: ...
    def data_source(self, uid: str) -> Json | None: ...
    def make_data_source(self, source: Json) -> None: ...
    def replace_data_source(self, source: Json) -> None: ...
    def board(self, uid: str) -> Json | None: ...
    def put_board(self, board: Json, folder_uid: str, version: int | None) -> None: ...
    def playlist(self, uid: str) -> Json | None: ...
    def make_playlist(self, playlist: Json) -> None: ...
    def replace_playlist(self, playlist: Json) -> None: ...


class State(StrEnum):
    """State of an object on the server, compared with the code."""

    SAME = "same"
    MISSING = "missing"
    DIFFERS = "differs"
    FOREIGN = "foreign"
    """It has our uid but not our mark."""
    PROVISIONED = "provisioned"
    """Grafana reads it from files and refuses other changes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One object and its state."""

    kind: str
    """folder, data source, board or playlist."""
    uid: str
    title: str
    state: State
    paths: tuple[str, ...] = ()
    """JSON paths that differ, at most the first 20."""

    @property
    def to_do(self) -> bool:
        return self.state in {State.MISSING, State.DIFFERS}


@dataclass(frozen=True, slots=True)
class Source:
    """The InfluxDB that Grafana reads, as reached from the machine of Grafana."""

    url: str
    database: str
    """The bucket, by its name in InfluxQL."""
    token: str

    def as_json(self) -> Json:
        """The data source as Grafana's API expects it."""
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
    """The state of every object; changes nothing. `source` None: somebody else manages the data source."""
    for uid, title in FOLDERS.values():
        existing = server.folder(uid)
        yield Finding("folder", uid, title, State.MISSING if existing is None else State.SAME)
    if source is not None:
        yield _source_finding(source.as_json(), server.data_source(SOURCE_UID))
    for _, board in boards:
        yield _board_finding(board, server.board(board["uid"]))
    for playlist in PLAYLISTS:
        yield _playlist_finding(playlist, server.playlist(playlist["uid"]))


def sync(server: Server, source: Source | None, boards: Sequence[tuple[Language, Json]]) -> Iterator[Finding]:
    """Create missing objects and change those that differ. Yields the former state of each object after its change."""
    for uid, title in FOLDERS.values():
        existing = server.folder(uid)
        if existing is None:
            server.make_folder(uid, title)
        yield Finding("folder", uid, title, State.MISSING if existing is None else State.SAME)
    if source is not None:
        yield _sync_source(server, source.as_json())
    for language, board in boards:
        yield _sync_board(server, board, FOLDERS[language][0])
    for playlist in PLAYLISTS:
        yield _sync_playlist(server, playlist)


def _sync_source(server: Server, wanted: Json) -> Finding:
    finding = _source_finding(wanted, server.data_source(SOURCE_UID))
    if finding.state is State.MISSING:
        server.make_data_source(wanted)
    elif finding.state is State.DIFFERS:
        server.replace_data_source(wanted)
    return finding


def _sync_board(server: Server, wanted: Json, folder_uid: str) -> Finding:
    existing = server.board(wanted["uid"])
    finding = _board_finding(wanted, existing)
    if finding.to_do:
        server.put_board(wanted, folder_uid, None if existing is None else existing["dashboard"]["version"])
    return finding


def _sync_playlist(server: Server, wanted: Json) -> Finding:
    finding = _playlist_finding(wanted, server.playlist(wanted["uid"]))
    if finding.state is State.MISSING:
        server.make_playlist(wanted)
    elif finding.state is State.DIFFERS:
        server.replace_playlist(wanted)
    return finding


def _source_finding(wanted: Json, existing: Json | None) -> Finding:
    def finding(state: State, paths: tuple[str, ...] = ()) -> Finding:
        return Finding("data source", SOURCE_UID, wanted["name"], state, paths)

    if existing is None:
        return finding(State.MISSING)
    if existing.get("readOnly"):
        return finding(State.PROVISIONED)
    if not _MARK.items() <= (existing.get("jsonData") or {}).items():
        return finding(State.FOREIGN)
    # Only fields that we set: Grafana adds fields of its own, and the operator chooses the default data source.
    our_fields = {name: value for name, value in wanted.items() if name not in {"secureJsonData", "isDefault"}}
    paths = tuple(_differences(our_fields, {name: existing.get(name) for name in our_fields}))
    secrets = existing.get("secureJsonFields") or {}
    paths += tuple(f"secureJsonData.{name}" for name in wanted["secureJsonData"] if not secrets.get(name))
    return finding(State.DIFFERS if paths else State.SAME, paths[:_MAX_PATHS])


def _board_finding(wanted: Json, existing: Json | None) -> Finding:
    def finding(state: State, paths: tuple[str, ...] = ()) -> Finding:
        return Finding("board", wanted["uid"], wanted["title"], state, paths)

    if existing is None:
        return finding(State.MISSING)
    board, meta = existing["dashboard"], existing.get("meta", {})
    if meta.get("provisioned"):
        return finding(State.PROVISIONED)
    if TAG not in board.get("tags", ()):
        return finding(State.FOREIGN)
    paths = tuple(_differences(_without_server_fields(wanted), _without_server_fields(board)))
    return finding(State.DIFFERS if paths else State.SAME, paths[:_MAX_PATHS])


def _playlist_finding(wanted: Json, existing: Json | None) -> Finding:
    if existing is None:
        return Finding("playlist", wanted["uid"], wanted["name"], State.MISSING)
    ours = {name: existing.get(name) for name in wanted}
    ours["items"] = [{name: item.get(name) for name in ("type", "value")} for item in existing.get("items") or ()]
    paths = tuple(_differences(wanted, ours))
    return Finding("playlist", wanted["uid"], wanted["name"], State.DIFFERS if paths else State.SAME, paths)


def _without_server_fields(board: Json) -> Json:
    return {name: value for name, value in board.items() if name not in _SET_BY_GRAFANA}


def _differences(wanted: Any, existing: Any, path: str = "") -> Iterator[str]:
    """Paths at which two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(existing, dict):
        for name in sorted(wanted.keys() | existing.keys()):
            yield from _differences(wanted.get(name), existing.get(name), f"{path}.{name}" if path else name)
    elif isinstance(wanted, list) and isinstance(existing, list) and len(wanted) == len(existing):
        for index, (one, other) in enumerate(zip(wanted, existing, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif wanted != existing:
        yield path


def boards_for(api_url: str, map_token: str | None = None) -> list[tuple[Language, Json]]:
    """Every board, with map layers from the API at `api_url` (the address that the viewer's browser uses).

    `map_token` opens the layers, if they are not public.
    """
    return [(Language(path.parts[0]), board) for path, board in all_boards(api_url, map_token)]
