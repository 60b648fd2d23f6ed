"""How pictures are deformed, disturbed and drawn while a net learns."""
