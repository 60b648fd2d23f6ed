"""What watches a server: Prometheus, Alertmanager and the probe, with their rules."""
