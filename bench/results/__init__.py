"""The results of the rounds: the goals and whether they are met, tables, and a plot."""
