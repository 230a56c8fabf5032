"""Devices that are not there: firmware that behaves, cities full of it, labelled incidents, recordings played back."""
