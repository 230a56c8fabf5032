"""Judgement: a pure engine, one alert state machine, one module per rule; and at the edge the alert journal."""
