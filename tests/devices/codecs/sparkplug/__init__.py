"""Tests of `devices.codecs.sparkplug`."""
