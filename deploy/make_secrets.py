"""Make the secrets docker-compose.yml asks for, and MQTT passwords for devices.

    python3 deploy/make_secrets.py [DEVICE_ID …]

Needs only Python. Writes to deploy/secrets/; what is there already is kept, so it can be run again at any time.
The password of each DEVICE_ID is printed once, to be put into the device; a device named again gets a new one.
Afterwards let a running broker read the file again: `docker compose kill -s HUP mosquitto`.

The folder is for its owner only; the files in it can be read by any user, because each container runs as its own.
"""

import base64
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
TOKENS = ("influx_token", "influx_password", "grafana_password", "api_token", "api_read_token")
HAULWATCH_USER = "haulwatch"
ITERATIONS = 101
"""What mosquitto_passwd 2.0 uses; the passwords are random, so guessing is hopeless anyway."""


def main(devices: Sequence[str], folder: Path = FOLDER) -> None:
    for device in devices:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", device) or device in {HAULWATCH_USER, "alerts"}:
            raise SystemExit(f"{device!r} cannot be a device id")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    for name in TOKENS:
        if not (folder / name).exists():
            _write(folder / name, secrets.token_urlsafe(32))
    logins = _read_logins(folder / "mosquitto_passwd")
    if HAULWATCH_USER not in logins or not (folder / "mqtt_url").exists():
        password = secrets.token_urlsafe(24)
        logins[HAULWATCH_USER] = _hashed(password)
        _write(folder / "mqtt_url", f"mqtt://{HAULWATCH_USER}:{password}@mosquitto:1883")
    for device in devices:
        password = secrets.token_urlsafe(24)
        logins[device] = _hashed(password)
        sys.stdout.write(f"{device} {password}\n")
    _write(folder / "mosquitto_passwd", "".join(f"{user}:{hashed}\n" for user, hashed in logins.items()))


def _read_logins(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split(":", 1) for line in lines)


def _hashed(password: str) -> str:
    """Mosquitto's PBKDF2-SHA512 form: $7$iterations$salt$hash."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, 64)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, in place: a container has the file itself mounted, so its inode must stay."""
    with path.open("r+" if path.exists() else "w") as file:
        file.write(text)
        file.truncate()
    path.chmod(0o644)


if __name__ == "__main__":
    main(sys.argv[1:])
