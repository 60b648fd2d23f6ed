"""Answers to many pictures at once, without a server: python -m scoring.run."""
