"""Signs of many hands and machines, digits and others, that scenes are made of."""
