"""The search for a better recipe: what may be changed, trials of it on validation, and a report."""
