"""What bench, faults and load tests share: pictures, answers, endpoints, connections, archives, processes. It starts no server."""
