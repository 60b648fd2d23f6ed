"""Numbers: a picture that holds one line with one number, or with several, is read whole."""
