"""The HTTP interface: resources under /api/v1, a live alert stream, health, metrics and a console.

Every instant in JSON is an integer: milliseconds since 1970 UTC, as on MQTT and in the journal, so that it compares
across all interfaces. `ts` is device time. Parameters take the same integer or RFC 3339. What is written for people
(the console, problem details) is RFC 3339 or local time. Positions are WGS-84; GeoJSON order is [lon, lat].
"""
