"""Load tests: real test pictures sent to a running server, and the budgets that its answers must meet."""
