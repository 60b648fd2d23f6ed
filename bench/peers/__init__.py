"""Other model servers with the same graph: one file each, as its documentation teaches it, run in an environment of its own.

They share all that is no server's work (graph.py), and take from the environment what the bench tells them: DIGITS_GRAPH,
DIGITS_PEER_PORT and DIGITS_PEER_WORKERS.
"""
