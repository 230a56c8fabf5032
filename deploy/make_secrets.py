"""Make the secrets docker-compose.yml asks for: tokens, and a login at the broker for each of Haulwatch's processes.

    python3 deploy/make_secrets.py

Needs only Python. Writes to deploy/secrets/; what is there already is kept, so it can be run again at any time.
Devices get their logins from `haulwatch device add` and `haulwatch device export-acl`.

The folder is for its owner only; the files in it can be read by any user, because each container runs as its own.
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
    "grafana_password": "{}",
    "influx_admin_password": "{}",
    "influx_admin_token": "{}",
    "influx_grafana_password": "{}",
    "influx_login": "haulwatch:{}",
    "postgres_password": "{}",
    "simulators_password": "{}",
}
DERIVED = {
    "database_url": ("postgres_password", "postgresql://haulwatch:{}@postgres/haulwatch"),
    "simulators_url": ("simulators_password", "mqtts://simulators:{}@mosquitto:8883"),
}
"""What holds one of these once more."""
SERVICES = ("collector", "alerts", "commander", "probe")
"""At the broker: haulwatch-collector and so on; deploy/mosquitto/services.acl says what each may do."""
LOGINS = "mosquitto_services"
ITERATIONS = 101
"""What mosquitto_passwd 2.0 uses; the passwords are random, so guessing is hopeless anyway."""


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    made = [name for name in TOKENS if not (folder / name).exists()]
    for name in made:
        _write(folder / name, TOKENS[name].format(secrets.token_urlsafe(32)))
    for name, (token, form) in DERIVED.items():
        if not (folder / name).exists() or (token in made and _is_of((folder / name).read_text(), form)):
            _write(folder / name, form.format((folder / token).read_text()))
    logins = _read_logins(folder / LOGINS)
    for service in SERVICES:
        user, url = f"haulwatch-{service}", folder / f"mqtt_url_{service}"
        if user not in logins or not url.exists():
            password = secrets.token_urlsafe(24)
            logins[user] = _hashed(password)
            _write(url, f"mqtt://{user}:{password}@mosquitto:1883")
    _write(folder / LOGINS, "".join(f"{user}:{hashed}\n" for user, hashed in logins.items()))


def _is_of(text: str, form: str) -> bool:
    """Whether it was made here: somebody may have put a URL of their own in its place."""
    head, _, tail = form.partition("{}")
    return text.startswith(head) and text.endswith(tail)


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
    main()
