"""The load generators of the benchmark: wrk with our script, or the bundled driver; both check every answer."""
