"""Who asks a server that is being broken: the good clients with their rule, and those that do harm."""
