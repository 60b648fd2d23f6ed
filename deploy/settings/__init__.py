"""config.properties: reading it, checking it and moving it to other ports."""
