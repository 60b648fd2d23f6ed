"""What a digit picture is, and what an answer is: everything that training, serving and clients share."""

import os

# ONNX Runtime 1.29 and newer reports its use to its maker from its import on, unless this is set: it keeps an identity of the machine
# and a database in the home folder, and asks for a host of Microsoft's. Nothing of ours does, nor do the processes that it starts.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
