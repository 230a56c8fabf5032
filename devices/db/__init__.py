"""The registry's SQL database: connection rules, tables, and the registry that loads and imports a City.

Every process loads the city here; `haulwatch city` and `haulwatch device` write. The alert journal shares the database.
"""
