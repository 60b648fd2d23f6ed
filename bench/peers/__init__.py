"""Other model servers with the same graph: one file each, written as its documentation teaches, and run in its own environment.

They share the work that is not the server's, of two kinds (work.py), and the benchmark configures them by environment variables:
DIGITS_GRAPH or DIGITS_UNPACKED, DIGITS_PEER_PORT and DIGITS_PEER_WORKERS.
"""
