"""Other model servers with the same graph: one file each, as its documentation teaches it, run in an environment of its own.

They share all that is no server's work (model.py), and take from the environment what the bench tells them: GRAPH, PEER_PORT, PEER_WORKERS.
"""
