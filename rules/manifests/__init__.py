"""Electronic manifests 电子联单: what people do with one and what telemetry shows enter; its state leaves.

`machine` is a pure function, by which judgement (`rules.tracking.manifests`) and the desk (`store`) decide alike; the
journal holds what judgement found.
"""
