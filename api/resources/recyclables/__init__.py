"""Recyclables over HTTP: deposits of points, their sums, and accounts by pseudonym."""
