import pytest

from ingest.mqtt.url import MqttUrl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt://broker", MqttUrl("broker", 1883)),
        ("mqtts://broker/", MqttUrl("broker", 8883, tls=True)),
        ("mqtt://127.0.0.1:2883", MqttUrl("127.0.0.1", 2883)),
        ("mqtt://[::1]:2883", MqttUrl("::1", 2883)),
        ("mqtts://collector:p%40ss%2Fword@broker:1", MqttUrl("broker", 1, True, "collector", "p@ss/word")),
        ("mqtt://collector@broker", MqttUrl("broker", 1883, False, "collector")),
    ],
)
def test_a_url_is_read(text: str, expected: MqttUrl) -> None:
    assert MqttUrl.parse(text) == expected
    assert MqttUrl.parse(text).password == expected.password


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("broker:1883", "begin with mqtt"),
        ("http://u:secret@broker", "begin with mqtt"),
        ("mqtt://", "host is missing"),
        ("mqtt://u:secret@broker:port", "host or port"),
        ("mqtt://u:secret@broker:70000", "host or port"),
        ("mqtt://u:secret@broker/topic", "nothing may follow"),
        ("mqtt://u:sec#ret@broker", "percent-encoded"),
        ("mqtt://:secret@broker", "needs a user"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_the_password(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        MqttUrl.parse(text)
    assert "sec" not in str(caught.value)


def test_the_password_is_masked() -> None:
    url = MqttUrl.parse("mqtts://collector:secret@[::1]")
    assert str(url) == "mqtts://collector:***@[::1]:8883"
    assert "secret" not in repr(url)
