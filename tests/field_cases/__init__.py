"""Small inputs after public bug reports, each with what is right, sent through the path.

The inputs lie beside the project (`shared/data/field_cases`), one folder a case; a test skips where they are absent.
"""
