"""The plan of the house, held by a machine: what lives where, how large, and what may not be written anywhere."""

import ast
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests import ROOT

PACKAGES = ("api", "devices", "grafana", "haulwatch", "ingest", "rules", "simulators")
FOLDERS = {*PACKAGES, "deploy", "docs", "tests"}
LEFT_BY_TOOLS = {"build", "var"}
CATCH_ALLS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "core", "stuff"}
MAX_LINES = 400
MIN_PURPOSE_CHARS = 60
MAX_MODULES = 16
"""In one folder, `__init__` not counted: a reader takes in about so many names."""
HTTPX_WITH_A_TIMEOUT = {f"httpx.{name}" for name in ("get", "post", "put", "delete", "stream", "Client", "AsyncClient")}
BINARY = {".png", ".jpg", ".gif", ".ico", ".woff2", ".gz", ".xz", ".pyc"}


def tracked() -> list[Path]:
    """Every file of the project: what git knows and what it would add."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip(f"this is not a git checkout: {listed.stderr.strip()}")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def test_the_top_level_folders_are_the_planned_ones() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert {name for name in found if not name.startswith(".")} - LEFT_BY_TOOLS == FOLDERS


def test_no_file_is_a_link() -> None:
    """One leads to a place of the machine it was made on."""
    tracked()  # skips where this is not a git checkout
    staged = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-s"], capture_output=True, text=True, check=True)
    assert [line for line in staged.stdout.splitlines() if line.startswith("120000")] == []


def test_no_module_grows_without_end() -> None:
    long = {str(path.relative_to(ROOT)): lines for path in modules() if (lines := count_lines(path)) > MAX_LINES}
    assert not long


def test_no_folder_grows_past_what_a_reader_takes_in() -> None:
    counted = Counter(str(path.parent.relative_to(ROOT)) for path in modules() if path.name != "__init__.py")
    assert {folder: count for folder, count in counted.items() if count > MAX_MODULES} == {}


def test_every_package_of_the_product_says_what_it_is_for() -> None:
    """In two lines or more: what enters, what leaves, who calls it."""
    packages = [
        path for path in modules() if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] in PACKAGES
    ]
    purposes = {str(path.parent.relative_to(ROOT)): ast.get_docstring(ast.parse(path.read_text())) for path in packages}
    assert [name for name, purpose in purposes.items() if purpose is None or len(purpose) < MIN_PURPOSE_CHARS] == []


def count_lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_no_module_is_a_catch_all() -> None:
    named = {part for path in modules() for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not named & CATCH_ALLS


def test_no_path_of_one_machine_and_no_registry_is_written_down() -> None:
    """The patterns are put together here so that this file does not hold them."""
    roots = "|".join(("work", "root", "home", "Users"))
    registries = "|".join((r"pypi\.org", r"pythonhosted", r"npmjs", r"registry\.", r"crates\.io", r"debian\.org"))
    wrong = re.compile(rf"(?<![\w.}}>/-])/(?:{roots})/\w|(?:https?://)[\w.-]*(?:{registries})")
    found = []
    for path in tracked():
        if path.suffix in BINARY or path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if match := wrong.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert not found


@pytest.mark.parametrize("text", ["cd /work" + "/main", 'open("/home' + '/me/x")', "https://pypi" + ".org/simple"])
def test_such_a_line_would_be_found(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.md").write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"notes\.md:1"):
        test_no_path_of_one_machine_and_no_registry_is_written_down()


def limits_of_waits(module: ast.AST) -> list[tuple[int, str]]:
    """Line and text of each wait with a limit of its own, and of each request with the library's few seconds."""

    def is_number(node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value >= 1

    def limits(node: ast.AST) -> bool:
        match node:
            case ast.BinOp(left=ast.Call(func=ast.Attribute(attr="monotonic")), op=ast.Add(), right=limit):
                return is_number(limit)
            case ast.Call(func=ast.Attribute(attr="timeout" | "wait"), args=[limit]):
                return is_number(limit)
            case ast.Call(func=ast.Attribute(attr="wait_for"), args=[_, limit]):
                return is_number(limit)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="httpx")), keywords=given) if not any(
                keyword.arg == "timeout" for keyword in given
            ):
                return ast.unparse(node.func) in HTTPX_WITH_A_TIMEOUT
            case ast.keyword(arg="timeout", value=limit):
                return is_number(limit)
        return False

    return sorted((node.lineno, ast.unparse(node)) for node in ast.walk(module) if limits(node))  # type: ignore[attr-defined]


def test_waits_have_the_patience_of_all_tests() -> None:
    """No test fails because the machine is busy: what bounds a failure only is `tests.waiting.PATIENCE_S`."""
    tests = [path for path in modules() if path.relative_to(ROOT).parts[0] == "tests" and path.parent.name != "bench"]
    found = {str(path.relative_to(ROOT)): limits_of_waits(ast.parse(path.read_text())) for path in tests}
    assert {path: waits for path, waits in found.items() if waits} == {}


@pytest.mark.parametrize(
    "wait",
    [
        "asyncio.timeout(20)",
        "asyncio.wait_for(task, 10)",
        "deadline = time.monotonic() + 5",
        "subprocess.run(command, timeout=60)",
        "process.wait(10)",
        "httpx.get(url)",
        "pytest.mark.timeout(300)",
    ],
)
def test_such_a_wait_would_be_found(wait: str) -> None:
    assert limits_of_waits(ast.parse(wait))


def test_make_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    shown = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True
    )
    listed = dict(re.findall(r"^ +make ([\w-]+) +(\S.*)$", shown.stdout, re.MULTILINE))
    assert set(listed) == targets
    assert targets >= {"help", "demo", "test", "check", "lock", "format", "clean"}
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(phony.split()) == targets


def test_everything_in_the_packages_is_installed_with_them(tmp_path: Path) -> None:
    """Cities, migrations, boards, the console: an image without one of them would start and then fail."""
    files = [path.relative_to(ROOT) for path in tracked()]
    # Words for people, and what Grafana's own container mounts, stay in the repository.
    wanted = {str(path) for path in files if path.parts[0] in PACKAGES and path.suffix != ".md"}
    wanted -= {str(path) for path in files if path.parts[:2] == ("grafana", "provisioning")}
    # npm makes the console of these; what it makes is installed, and is not committed.
    wanted -= {str(path) for path in files if path.parts[:3] == ("api", "console", "web")}
    wanted |= {"api/console/built/index.html", "api/console/built/assets/index.js"}
    source = tmp_path / "source"
    for path in files:
        if path.parts[0] in PACKAGES or str(path) in {"pyproject.toml", "README.md", "LICENSE"}:
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes((ROOT / path).read_bytes())
    (source / "api/console/built/assets").mkdir(parents=True)
    (source / "api/console/built/index.html").touch()
    (source / "api/console/built/assets/index.js").touch()
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()
