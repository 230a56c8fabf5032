"""Why a broker's certificate is not trusted: Kafka's client says only that it is not, so this looks for itself."""

import socket
import ssl
from contextlib import suppress
from typing import Final

_WAIT_S: Final = 3.0
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
"""Codes of OpenSSL: X509_V_ERR_CERT_HAS_EXPIRED and so on."""
EXPIRED: Final = "the broker's certificate has expired: renew it"
NOT_YET_VALID: Final = "the broker's certificate is not valid yet: set the clocks"
OTHER_NAME: Final = (
    "the broker's certificate has another name: name the broker in HAULWATCH_KAFKA_URL as its certificate does"
)
FOREIGN: Final = (
    "the broker's certificate is of an authority that is not trusted: set HAULWATCH_KAFKA_CA_FILE to that one's"
)


def why_not_trusted(servers: str, ca_file: str | None) -> str:
    """What is wrong with the certificate of the first of these servers that answers and is not trusted, and what to do.

    `servers`: host:port, with commas between. `ca_file` None: the system's authorities.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca_file) if ca_file is not None else context.load_default_certs()
    except (OSError, ssl.SSLError):
        return FOREIGN
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            with (
                socket.create_connection((host, int(port)), _WAIT_S) as connection,
                context.wrap_socket(connection, server_hostname=host),
            ):
                pass
        except ssl.SSLCertVerificationError as exc:
            return _reason(exc.verify_code)
        except (OSError, ValueError):
            continue
    return FOREIGN


def _reason(code: int) -> str:
    with suppress(KeyError):
        return {_EXPIRED: EXPIRED, _NOT_YET_VALID: NOT_YET_VALID}[code]
    return OTHER_NAME if code in _OTHER_NAME else FOREIGN
