"""Stages of the console: the live map in a browser, many live streams, and the pages of a long queue."""
