"""config.properties: read, checked and moved to other ports."""
