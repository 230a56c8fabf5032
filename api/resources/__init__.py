"""Routes for programs: one module per resource below `/api/v1`, and the public map layers below `/geo`.

Query parameters and JSON bodies enter; JSON, GeoJSON or an event stream leaves. The console, Grafana maps and other
clients call it. `geojson` and `alert_stream` are shared or too large for a resource's own module.
"""
