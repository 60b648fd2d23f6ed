"""Formats: what is known of a number beforehand, as that it is a date, or that its check digit must be right."""
