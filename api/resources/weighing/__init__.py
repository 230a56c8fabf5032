"""Weighing sessions over HTTP, and those whose truck nobody knows."""
