"""Stories of trucks that leave their routes, or only seem to."""
