"""The HTTP interface: resources under /api/v1, a live alert stream, health, metrics and a console.

Every instant in JSON is an integer: milliseconds since 1970 UTC, as on MQTT and in the journal, so that instants
compare across all interfaces. `ts` is device time. Query parameters take the same integer or RFC 3339. Text for people
(console, problem details) shows RFC 3339 or local time. Positions are WGS-84; GeoJSON order is [lon, lat].

One package per audience: `resources` (programs), `console` (people), `operations` (monitoring). Imports go one way:
app → resources, operations, console → http → ports.
"""
