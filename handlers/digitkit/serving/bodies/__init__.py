"""What the bodies of requests hold, form by form."""
