"""What a server needs of this machine: Java, free ports and a usable folder; and what its processes print."""
