"""Measuring servers and models side by side, on one machine and in one run."""
