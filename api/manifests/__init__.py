"""Manifests at `/api/v1/manifests`: issued, confirmed, rejected, corrected, void; their QR codes and short links.

Requests enter; manifests with their transitions leave. `rules.manifests` holds what may be done in which state.
"""
