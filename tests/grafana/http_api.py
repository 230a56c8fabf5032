"""The paths of Grafana's HTTP API that `grafana.server` uses, as the public documentation of Grafana 12 describes them.

Folders: /developers/http_api/folder, data sources: …/data_source, boards: …/dashboard. Answers are what is documented,
with the statuses and messages of the errors; nothing is invented beyond them, and nothing else is answered.
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
    """What stands on the server, and what was asked of it."""

    token: str = "glsa_test"
    folders: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    boards: dict[str, Json] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    out_of_order: int | None = None
    """A status that everything is answered with."""

    def answer(self, method: str, path: str, said: Json) -> Answer:
        if self.out_of_order is not None:
            return self.out_of_order, {"message": "out of order"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        for pattern, at in (
            (r"/api/folders/?([^/]*)", self._folder),
            (r"/api/datasources(?:/uid/([^/]+))?", self._source),
            (r"/api/dashboards/(?:uid/([^/]+)|db)", self._board),
        ):
            if found := re.fullmatch(pattern, path):
                return at(method, found[1] or "", said)
        return 404, {"message": "Not found"}

    def _folder(self, method: str, uid: str, said: Json) -> Answer:
        if method == "GET":
            folder = self.folders.get(uid)
            return (200, folder) if folder else (404, {"message": "folder not found", "status": "not-found"})
        if said["uid"] in self.folders:
            return 409, {"message": "a folder with the same uid already exists"}
        folder = {"id": len(self.folders) + 1, "version": 1, "createdBy": "sa-haulwatch", **said}
        self.folders[said["uid"]] = folder
        return 200, folder

    def _source(self, method: str, uid: str, said: Json) -> Answer:
        if method == "GET":
            source = self.sources.get(uid)
            return (200, _shown(source)) if source else (404, {"message": "Data source not found"})
        if method == "POST":
            if said["uid"] in self.sources or said["name"] in {source["name"] for source in self.sources.values()}:
                return 409, {"message": "data source with the same name already exists"}
            self.sources[said["uid"]] = {
                "id": len(self.sources) + 1,
                "orgId": 1,
                "version": 1,
                "readOnly": False,
                **said,
            }
        elif uid not in self.sources:
            return 404, {"message": "Data source not found"}
        elif self.sources[uid]["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        else:
            standing = self.sources[uid]
            self.sources[uid] = {**standing, **said, "version": standing["version"] + 1}
        return 200, {
            "message": "Datasource added",
            "name": said["name"],
            "datasource": _shown(self.sources[said["uid"]]),
        }

    def _board(self, method: str, uid: str, said: Json) -> Answer:
        if method == "GET":
            held = self.boards.get(uid)
            return (200, held) if held else (404, {"message": "Dashboard not found"})
        board, folder_uid = said["dashboard"], said["folderUid"]
        if folder_uid not in self.folders:
            return 404, {"message": "folder not found"}
        held = self.boards.get(board["uid"])
        if held is not None:
            if held["meta"]["provisioned"]:
                return 400, {"message": "Cannot save provisioned dashboard"}
            if not said["overwrite"] and board.get("version") != held["dashboard"]["version"]:
                changed = "The dashboard has been changed by someone else"
                return 412, {"message": changed, "status": "version-mismatch"}
        number = held["dashboard"]["id"] if held else len(self.boards) + 1
        version = held["dashboard"]["version"] + 1 if held else 1
        self.boards[board["uid"]] = {
            "dashboard": {**board, "id": number, "version": version},
            "meta": {"provisioned": False, "folderUid": folder_uid, "version": version},
        }
        return 200, {"id": number, "uid": board["uid"], "status": "success", "version": version}


def _shown(source: Json) -> Json:
    """Secrets are never given back: which there are is."""
    shown = {name: value for name, value in source.items() if name != "secureJsonData"}
    return {**shown, "typeLogoUrl": "", "secureJsonFields": dict.fromkeys(source.get("secureJsonData", {}), True)}


@contextmanager
def grafana_http_api(state: State) -> Iterator[str]:
    """Serve it on loopback; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {state.token}":
                status, body = 401, {"message": "Invalid API key"}
            else:
                status, body = state.answer(self.command, self.path, json.loads(said or b"{}"))
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
