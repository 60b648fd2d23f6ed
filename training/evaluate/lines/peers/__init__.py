"""Other engines that read the same lines: one program each, run in an environment of its own, so that nothing here needs its packages.

A program says first which version it is, then answers each picture on its standard input with a line of JSON on its standard output
(answering.py); line_peer.py is the side that asks. NAME.txt lists the packages of NAME.py.
"""
