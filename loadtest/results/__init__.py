"""What a load test has measured: its figures, beside those of an earlier one, and how both are kept and shown."""
