"""`haulwatch serve` answers while one address holds 1,200 half-sent requests, with the usual 1,024 descriptors."""

import resource
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.servers import free_port
from tests.waiting import PATIENCE_S

HALF_SENT = 1_200


@pytest.mark.long
def test_half_sent_requests_keep_nobody_out(tmp_path: Path) -> None:
    variables = {"HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(Installation(tmp_path, variables)) as haulwatch, ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        haulwatch.import_city()
        haulwatch.start_api()
        resource.prlimit(haulwatch.pid("serve"), resource.RLIMIT_NOFILE, (1_024, 1_024))
        for _ in range(HALF_SENT):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", haulwatch.api_port), PATIENCE_S))
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert haulwatch.get("/healthz")["status"] == "up"
        assert "maximum of connections reached" in haulwatch.log("serve").read_text()
