"""The running path: MQTT to raw log, raw log to store and to judgement."""
