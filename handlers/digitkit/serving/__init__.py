"""From a request's bytes to an answer's bytes, and what is counted on the way."""
