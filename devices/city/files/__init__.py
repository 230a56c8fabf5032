"""The files of a city: YAML and GeoJSON of a folder enter, one City leaves, or all faults by file, entry and field."""

from devices.city.files.folder import CityFileError, read_city

__all__ = ["CityFileError", "read_city"]
