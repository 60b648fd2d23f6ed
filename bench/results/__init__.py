"""What the rounds have shown: goals with whether they are met, tables, and a plot."""
