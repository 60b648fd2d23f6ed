"""Drawn pictures of one line that holds a number: what is written is known, and where."""
