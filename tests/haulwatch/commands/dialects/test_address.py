"""HOST:PORT as options have it."""

import pytest
import typer

from haulwatch.commands.shared import host_and_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:7611", ("127.0.0.1", 7611)),
        ("scale-3.local:1", ("scale-3.local", 1)),
        ("[fe80::1]:65535", ("fe80::1", 65535)),
    ],
)
def test_host_and_port_are_read(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port("--to", text) == expected


@pytest.mark.parametrize("text", ["", "host", "host:", ":7611", "host:0", "host:65536", "host:1²", "::1:7611", "a b:1"])
def test_what_is_none_ends_with_the_option_and_an_example(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        host_and_port("--tcp", text)
    assert "--tcp" in capsys.readouterr().err
