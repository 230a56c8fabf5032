"""Stages of devices that upload what they buffered."""
