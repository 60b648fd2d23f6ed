"""A page in the browser that talks to a running server and keeps its token: `make console`."""
