"""The city's programme over HTTP: indicators, and the assessment of hauliers, vehicles and drivers."""
