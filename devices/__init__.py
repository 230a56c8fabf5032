"""The vocabulary: ids, readings, topics, codecs, series, geometry and the registry of a city's devices."""
