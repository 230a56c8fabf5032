"""Create the secrets for docker-compose.yml: tokens, and a login at the broker for each of Haulwatch's processes.

    python3 deploy/make_secrets.py

Needs only Python. Writes to deploy/secrets/; existing files are kept, so it can be run again at any time. Devices get
their logins from `haulwatch device add` and `haulwatch device export-acl`.

Only the owner can open the folder; any user can read the files in it, because each container runs as another user.
"""

import base64
import hashlib
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
TOKENS = {
    "api_read_token": "{}",
    "api_token": "{}",
    "database_url_judge": "postgresql://haulwatch_judge:{}@postgres/haulwatch",
    "database_url_record": "postgresql://haulwatch_record:{}@postgres/haulwatch",
    "database_url_serve": "postgresql://haulwatch_serve:{}@postgres/haulwatch",
    "grafana_password": "{}",
    "influx_admin_password": "{}",
    "influx_admin_token": "{}",
    "influx_grafana_password": "{}",
    "influx_login": "haulwatch:{}",
    "postgres_password": "{}",
    "simulators_password": "{}",
    "tracker_keys": "* {}\n",
}
DERIVED = {
    "database_url": ("postgres_password", "postgresql://haulwatch:{}@postgres/haulwatch"),
    "simulators_url": ("simulators_password", "mqtts://simulators:{}@mosquitto:8883"),
}
"""Files that contain one of these tokens in another form."""
SERVICES = ("collector", "alerts", "commander", "gateway", "chirpstack", "ttn", "probe")
"""Users at the broker, haulwatch-collector and so on; devices/access/broker_access.py lists their rights."""
LOGINS = "mosquitto_services"
ITERATIONS = 101
"""The value of mosquitto_passwd 2.0; the passwords are random, so more iterations would not help."""


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    created = [name for name in TOKENS if not (folder / name).exists()]
    for name in created:
        _write(folder / name, TOKENS[name].format(secrets.token_urlsafe(32)))
    for name, (token, form) in DERIVED.items():
        if not (folder / name).exists() or (token in created and _has_form((folder / name).read_text(), form)):
            _write(folder / name, form.format((folder / token).read_text()))
    logins = _read_logins(folder / LOGINS)
    for service in SERVICES:
        user, url = f"haulwatch-{service}", folder / f"mqtt_url_{service}"
        if user not in logins or not url.exists():
            password = secrets.token_urlsafe(24)
            logins[user] = _hashed(password)
            _write(url, f"mqtt://{user}:{password}@mosquitto:1883")
    _write(folder / LOGINS, "".join(f"{user}:{hashed}\n" for user, hashed in logins.items()))


def _has_form(text: str, form: str) -> bool:
    """Return whether this program created the text; an operator may have put another URL in its place."""
    head, _, tail = form.partition("{}")
    return text.startswith(head) and text.endswith(tail)


def _read_logins(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split(":", 1) for line in lines)


def _hashed(password: str) -> str:
    """Hash a password in Mosquitto's PBKDF2-SHA512 format: $7$iterations$salt$hash."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, 64)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _write(path: Path, text: str) -> None:
    """Write in place: a container mounts the file itself, so its inode must stay."""
    with path.open("r+" if path.exists() else "w") as file:
        file.write(text)
        file.truncate()
    path.chmod(0o644)


if __name__ == "__main__":
    main()
