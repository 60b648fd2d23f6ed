"""The results of a load test: its figures, the comparison with an earlier test, and how they are stored and shown."""
