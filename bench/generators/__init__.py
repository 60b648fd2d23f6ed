"""What sends the load of the bench: wrk with a script of its own, or the bundled driver; both check every answer."""
