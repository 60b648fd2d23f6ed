"""What of this machine a server needs: Java, ports, folders, and what its processes print."""
