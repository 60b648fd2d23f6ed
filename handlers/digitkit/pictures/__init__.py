"""From a picture's bytes to grey pixels and the ink in them."""
