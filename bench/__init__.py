"""Measuring the models side by side, on this machine and in one run."""
