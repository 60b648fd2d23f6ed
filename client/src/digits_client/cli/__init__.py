"""The command `digits`, with the extra cli."""
