"""How a net learns: the loop and its parts."""
