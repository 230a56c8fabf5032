"""Names of devices beside their ids: a second query of `place`, joined to the first in the viewer's browser."""

from typing import Final

from grafana.parts.panels import Override, Transformation
from grafana.parts.queries import PLACE, Query, Series, table_query
from grafana.parts.wording import Language

REF: Final = "N"
"""The query of names."""
JOINED: Final = "/^joinByField-/"
"""What Grafana calls the rows of query A with their names: `joinByField-A-N`, or `joinByField-N-A` where another change
was made to query N first."""


def name_column(language: Language) -> str:
    """The column with what people call a device."""
    return "name_zh" if language is Language.ZH else "name"


def names(language: Language, *variables: str, placed: bool = False) -> Query:
    """The query of names. `placed`: only of devices that stand somewhere, with `lat` and `lon`."""
    columns = ("lat", "lon", name_column(language)) if placed else (name_column(language),)
    chosen = PLACE.chosen(*(variable for variable in variables if variable in PLACE.tags))
    return table_query(PLACE.select(PLACE.newest(*columns), *chosen, by=PLACE.by("device"), always=True), REF)


def join_names(*first: str, of: Series | None = None, others: bool = False) -> list[Transformation]:
    """Give each row of query A the name of its device.

    `first`: columns that a table shows first; for `Time` also the measurement of the rows, `of`. `others`: the panel
    has further queries, which stay as they are.
    """
    order = {column: place for place, column in enumerate(first)}
    if of is not None:
        order[f"Time {of.measurement}"] = order["Time"]  # as it is called once it is joined
    return [
        Transformation("organize", {"excludeByName": {"Time": True}}, REF),  # the time of the row of `place`
        Transformation("joinByField", {"byField": "device", "mode": "inner"}, f"/^(A|{REF})$/" if others else None),
        *([Transformation("organize", {"indexByName": order})] if first else []),
    ]


def curve_of_each_device(language: Language) -> list[Transformation]:
    """Turn joined rows with a time and a column `Value` into one curve for each device; `curve_name` names it."""
    naming = {"asLabels": True}
    return [
        *join_names(),
        Transformation("organize", {"excludeByName": {"device": True}}),  # or it is a curve of its own
        Transformation("partitionByValues", {"fields": [name_column(language)], "keepFields": False, "naming": naming}),
    ]


def curve_name(language: Language) -> Override:
    """Calls each curve as its device is called. Without it, all are called `Value`, as InfluxDB calls their column."""
    return Override("Value", more={"displayName": f"${{__field.labels.{name_column(language)}}}"})
