"""Prometheus, Alertmanager and the probe: what watches a server, and the rules by which."""
