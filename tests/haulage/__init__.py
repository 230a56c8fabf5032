"""A night of haulage judged, and what was found compared with the simulator's truth."""
