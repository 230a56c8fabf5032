"""The fields of the form: whatever is sent, it is a report, or faults in words; never an error of the program."""

from typing import Final
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.public_reports.fields import NAMES, Unreadable, checked, read_fields
from rules.public_reports.model import ReportLanguage
from tests.api.fakes import NOW, small_city

CITY: Final = small_city()
GOOD: Final = {"category": "smell", "text": "x", "address": "here", "lat": "35.45", "lon": "112.85"}
VALUES: Final = (
    st.text(max_size=60)
    | st.from_regex(r"-?[0-9]{0,4}\.?[0-9]{0,8}(e[0-9]{1,3})?", fullmatch=True)
    | st.sampled_from(
        ["nan", "inf", "-0", "1e400", "2026-03-01T16:00", "2026-03-01", "24:00", "0001-01-01T00:00+14:00"]
    )
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.sampled_from([None, *CITY.sites.values()]))
def test_anything_that_is_sent_is_a_report_or_has_faults(sent: dict[str, str], site: object) -> None:
    try:
        fields = read_fields(urlencode(GOOD | sent, errors="surrogatepass").encode())
    except Unreadable:
        return
    for language in ReportLanguage:
        found = checked(fields, CITY, site, language, NOW)  # type: ignore[arg-type]
        assert (found.report is None) == bool(found.faults)
        assert "{" not in " ".join(found.faults).replace(str(sent), "")


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_unreadable(body: bytes) -> None:
    try:
        fields = read_fields(body)
    except Unreadable:
        return
    assert set(NAMES) <= fields.keys()


def test_of_a_field_that_is_sent_twice_the_last_counts_and_others_are_passed_over() -> None:
    fields = read_fields(b"text=a&text=+b+&channel=hotline&received_by=li.wei")
    assert fields["text"] == "b"
    assert "channel" not in fields


@pytest.mark.parametrize("body", [b"text=%FF", "text=中".encode(), b"&".join([b"a=1"] * 40)])
def test_what_is_no_form_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_fields(body)
