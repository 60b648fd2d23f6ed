"""Real pictures that no package ships, and how the served path reads them."""
