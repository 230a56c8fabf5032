"""Single entries of the registry: sites, gates, routes, zones, vehicles, permits, hauliers, drivers, licences and
profiles.

In: an entry as the city's files have it, and the ETag of what it changes. Out: all its versions, and who changed what.
"""
