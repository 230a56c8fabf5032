"""The city as map layers: what its files register enters, GeoJSON of sites, routes, corridors and zones leaves.

`api.app` mounts `places` and `zones` under /api/v1, and `public_map` under /geo.
"""
