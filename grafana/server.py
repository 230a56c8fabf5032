"""A running Grafana, through grafana-client: what stands there, and putting things there.

GrafanaError
├── GrafanaAway      no answer, or one that says to try later
└── GrafanaRefused   it answers and refuses: the text says what to mend
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
_MENDS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check HAULWATCH_GRAFANA_TOKEN",
    HTTPStatus.FORBIDDEN: "the token's service account needs the role Admin to keep data sources, Editor for boards",
    HTTPStatus.NOT_FOUND: "check HAULWATCH_GRAFANA_URL",
    HTTPStatus.PRECONDITION_FAILED: "somebody changed it meanwhile: run it again",
}


class GrafanaError(OperatorError):
    """Grafana did not do what it was asked."""


class GrafanaAway(GrafanaError):
    """No answer, or one that says to try later."""


class GrafanaRefused(GrafanaError):
    """It answers and refuses."""


class Grafana:
    """Folders, data sources and boards at `url` (http[s]://host[:port][/prefix]). Every method raises GrafanaError."""

    def __init__(self, url: str, token: str) -> None:
        at = urlsplit(url)
        prefix = at.path.strip("/")
        self._url = url
        self._api: Any = GrafanaApi(  # its methods are not typed
            token,
            host=at.hostname,
            port=at.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=at.scheme,
            timeout=_TIMEOUT_S,
        )

    def folder(self, uid: str) -> Json | None:
        return self._found(lambda: self._api.folder.get_folder(uid))

    def make_folder(self, uid: str, title: str) -> None:
        with self._translated():
            self._api.folder.create_folder(title, uid)

    def data_source(self, uid: str) -> Json | None:
        """Without its secrets, which Grafana tells nobody; `secureJsonFields` says which there are."""
        return self._found(lambda: self._api.datasource.get_datasource_by_uid(uid))

    def make_data_source(self, source: Json) -> None:
        with self._translated():
            self._api.datasource.create_datasource(source)

    def replace_data_source(self, source: Json) -> None:
        with self._translated():
            self._api.datasource.update_datasource_by_uid(source["uid"], source)

    def board(self, uid: str) -> Json | None:
        """`{"dashboard": …, "meta": …}`."""
        return self._found(lambda: self._api.dashboard.get_dashboard(uid))

    def put_board(self, board: Json, folder_uid: str, version: int | None) -> None:
        """Make it, or replace the one that stands at `version`: a change that somebody made since is not lost."""
        said = {**board, "id": None} if version is None else {**board, "version": version}
        with self._translated():
            self._api.dashboard.update_dashboard(
                {"dashboard": said, "folderUid": folder_uid, "overwrite": False, "message": "haulwatch grafana sync"}
            )

    def _found(self, ask: Callable[[], Any]) -> Json | None:
        with self._translated():
            try:
                found: Json = ask()
            except GrafanaClientError as exc:
                if exc.status_code == HTTPStatus.NOT_FOUND:
                    return None
                raise
        return found

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (GrafanaServerError, GrafanaTimeoutError) as exc:
            raise GrafanaAway(f"{self._url}: {exc.message}") from exc
        except GrafanaException as exc:
            mend = _MENDS.get(exc.status_code)
            raise GrafanaRefused(f"{self._url}: {exc.message}{f': {mend}' if mend else ''}") from exc
        except OSError as exc:  # what its HTTP library raises when there is no connection
            raise GrafanaAway(f"{self._url}: no answer: {exc}") from exc
        except ValueError as exc:
            raise GrafanaRefused(f"{self._url}: the answer is not Grafana's: check HAULWATCH_GRAFANA_URL") from exc
