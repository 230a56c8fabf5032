"""A fake of Grafana's HTTP API: the paths that `grafana.server` uses, as documented for Grafana 12.

Folders: /developers/http_api/folder, data sources: …/data_source, boards: …/dashboard, playlists: …/playlist.
Responses, statuses and error messages are those of the documentation; every other path is a 404.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Json = dict[str, Any]
Answer = tuple[int, Json]


@dataclass
class State:
    """The objects on the server, and the write requests it received."""

    token: str = "glsa_test"
    folders: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    boards: dict[str, Json] = field(default_factory=dict)
    playlists: dict[str, Json] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    out_of_order: int | None = None
    """If set, the status of every response."""

    def answer(self, method: str, path: str, request: Json) -> Answer:
        if self.out_of_order is not None:
            return self.out_of_order, {"message": "out of order"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        for pattern, at in (
            (r"/api/folders/?([^/]*)", self._folder),
            (r"/api/datasources(?:/uid/([^/]+))?", self._source),
            (r"/api/dashboards/(?:uid/([^/]+)|db)", self._board),
            (r"/api/playlists(?:/([^/]+))?", self._playlist),
        ):
            if found := re.fullmatch(pattern, path):
                return at(method, found[1] or "", request)
        return 404, {"message": "Not found"}

    def _folder(self, method: str, uid: str, request: Json) -> Answer:
        if method == "GET":
            folder = self.folders.get(uid)
            return (200, folder) if folder else (404, {"message": "folder not found", "status": "not-found"})
        if request["uid"] in self.folders:
            return 409, {"message": "a folder with the same uid already exists"}
        folder = {"id": len(self.folders) + 1, "version": 1, "createdBy": "sa-haulwatch", **request}
        self.folders[request["uid"]] = folder
        return 200, folder

    def _source(self, method: str, uid: str, request: Json) -> Answer:
        if method == "GET":
            source = self.sources.get(uid)
            return (200, _shown(source)) if source else (404, {"message": "Data source not found"})
        if method == "POST":
            if request["uid"] in self.sources or request["name"] in {
                source["name"] for source in self.sources.values()
            }:
                return 409, {"message": "data source with the same name already exists"}
            self.sources[request["uid"]] = {
                "id": len(self.sources) + 1,
                "orgId": 1,
                "version": 1,
                "readOnly": False,
                **request,
            }
        elif uid not in self.sources:
            return 404, {"message": "Data source not found"}
        elif self.sources[uid]["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        else:
            existing = self.sources[uid]
            self.sources[uid] = {**existing, **request, "version": existing["version"] + 1}
        return 200, {
            "message": "Datasource added",
            "name": request["name"],
            "datasource": _shown(self.sources[request["uid"]]),
        }

    def _playlist(self, method: str, uid: str, request: Json) -> Answer:
        if method == "GET":
            existing = self.playlists.get(uid)
            return (200, existing) if existing else (404, {"message": "playlists not found"})
        if method == "POST":
            uid = request["uid"]
        elif uid not in self.playlists:
            return 404, {"message": "playlists not found"}
        items = [{**item, "title": item["value"]} for item in request["items"]]
        self.playlists[uid] = {**request, "uid": uid, "items": items}
        return 200, self.playlists[uid]

    def _board(self, method: str, uid: str, request: Json) -> Answer:
        if method == "GET":
            existing = self.boards.get(uid)
            return (200, existing) if existing else (404, {"message": "Dashboard not found"})
        board, folder_uid = request["dashboard"], request["folderUid"]
        if folder_uid not in self.folders:
            return 404, {"message": "folder not found"}
        existing = self.boards.get(board["uid"])
        if existing is not None:
            if existing["meta"]["provisioned"]:
                return 400, {"message": "Cannot save provisioned dashboard"}
            if not request["overwrite"] and board.get("version") != existing["dashboard"]["version"]:
                changed = "The dashboard has been changed by someone else"
                return 412, {"message": changed, "status": "version-mismatch"}
        number = existing["dashboard"]["id"] if existing else len(self.boards) + 1
        version = existing["dashboard"]["version"] + 1 if existing else 1
        self.boards[board["uid"]] = {
            "dashboard": {**board, "id": number, "version": version},
            "meta": {"provisioned": False, "folderUid": folder_uid, "version": version},
        }
        return 200, {"id": number, "uid": board["uid"], "status": "success", "version": version}


def _shown(source: Json) -> Json:
    """The data source without its secrets; only their names are returned."""
    shown = {name: value for name, value in source.items() if name != "secureJsonData"}
    return {**shown, "typeLogoUrl": "", "secureJsonFields": dict.fromkeys(source.get("secureJsonData", {}), True)}


@contextmanager
def grafana_http_api(state: State) -> Iterator[str]:
    """Serve the API on loopback; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            request_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {state.token}":
                status, body = 401, {"message": "Invalid API key"}
            else:
                status, body = state.answer(self.command, self.path, json.loads(request_body or b"{}"))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - named by the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
