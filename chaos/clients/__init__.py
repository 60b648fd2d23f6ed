"""The clients of a server in trouble: good ones, which follow the rule of asking again, and hostile ones."""
