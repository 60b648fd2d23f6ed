"""Load tests: real test pictures against a running server, and the budgets that its answers must keep."""
