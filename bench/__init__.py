"""Measuring servers and models side by side, on this machine and in one run."""
