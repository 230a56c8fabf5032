"""The console in a real browser, a screen a module."""
