"""Client of a running Grafana (through grafana-client): reads and writes folders, data sources, boards and playlists.

OperatorError (`devices.errors`)
└── GrafanaError
    ├── GrafanaUnavailable   no response, or a server error: try later
    └── GrafanaRefused       Grafana refuses the request: the text says what to fix
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaServerError, GrafanaTimeoutError

from devices.errors import OperatorError

Json = dict[str, Any]
T = TypeVar("T")

_TIMEOUT_S: Final = 15.0
_HINTS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check HAULWATCH_GRAFANA_TOKEN",
    HTTPStatus.FORBIDDEN: "the token's service account needs the role Admin for data sources, Editor for boards",
    HTTPStatus.NOT_FOUND: "check HAULWATCH_GRAFANA_URL",
    HTTPStatus.PRECONDITION_FAILED: "somebody changed the board meanwhile: run the command again",
}


class GrafanaError(OperatorError):
    """A request to Grafana failed."""


class GrafanaUnavailable(GrafanaError):
    """Grafana does not respond, or responds with a server error: try later."""


class GrafanaRefused(GrafanaError):
    """Grafana refuses the request."""


class Grafana:
    """Folders, data sources, boards and playlists at `url` (http[s]://host[:port][/prefix]).

    Every method raises GrafanaError.
    """

    def __init__(self, url: str, token: str) -> None:
        parsed = urlsplit(url)
        prefix = parsed.path.strip("/")
        self._url = url
        self._api: Any = GrafanaApi(  # the library has no types
            token,
            host=parsed.hostname,
            port=parsed.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parsed.scheme,
            timeout=_TIMEOUT_S,
        )

    def folder(self, uid: str) -> Json | None:
        return self._get(lambda: self._api.folder.get_folder(uid))

    def make_folder(self, uid: str, title: str) -> None:
        with self._translate_errors():
            self._api.folder.create_folder(title, uid)

    def data_source(self, uid: str) -> Json | None:
        """The data source without its secrets, which Grafana never returns; `secureJsonFields` lists their names."""
        return self._get(lambda: self._api.datasource.get_datasource_by_uid(uid))

    def make_data_source(self, source: Json) -> None:
        with self._translate_errors():
            self._api.datasource.create_datasource(source)

    def replace_data_source(self, source: Json) -> None:
        with self._translate_errors():
            self._api.datasource.update_datasource_by_uid(source["uid"], source)

    def board(self, uid: str) -> Json | None:
        """The board as `{"dashboard": …, "meta": …}`; None if it does not exist."""
        return self._get(lambda: self._api.dashboard.get_dashboard(uid))

    def put_board(self, board: Json, folder_uid: str, version: int | None) -> None:
        """Create the board (`version` None), or replace it if it still has `version`: no later change is lost."""
        dashboard = {**board, "id": None} if version is None else {**board, "version": version}
        with self._translate_errors():
            self._api.dashboard.update_dashboard(
                {
                    "dashboard": dashboard,
                    "folderUid": folder_uid,
                    "overwrite": False,
                    "message": "haulwatch grafana sync",
                }
            )

    def playlist(self, uid: str) -> Json | None:
        return self._get(lambda: self._api.client.GET(f"/playlists/{uid}"))  # the library has no playlists

    def make_playlist(self, playlist: Json) -> None:
        with self._translate_errors():
            self._api.client.POST("/playlists", json=playlist)

    def replace_playlist(self, playlist: Json) -> None:
        with self._translate_errors():
            self._api.client.PUT(f"/playlists/{playlist['uid']}", json=playlist)

    def _get(self, request: Callable[[], Any]) -> Json | None:
        with self._translate_errors():
            try:
                response: Json = request()
            except GrafanaClientError as exc:
                if exc.status_code == HTTPStatus.NOT_FOUND:
                    return None
                raise
        return response

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (GrafanaServerError, GrafanaTimeoutError) as exc:
            raise GrafanaUnavailable(f"{self._url}: {exc.message}") from exc
        except GrafanaException as exc:
            hint = _HINTS.get(exc.status_code)
            raise GrafanaRefused(f"{self._url}: {exc.message}{f': {hint}' if hint else ''}") from exc
        except OSError as exc:  # the HTTP library raises it if there is no connection
            raise GrafanaUnavailable(
                f"{self._url}: no response: {exc}: check HAULWATCH_GRAFANA_URL and that Grafana runs"
            ) from exc
        except ValueError as exc:
            raise GrafanaRefused(f"{self._url}: the response is not from Grafana: check HAULWATCH_GRAFANA_URL") from exc
