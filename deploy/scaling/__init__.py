"""What deploy.autoscale decides by, what it reads and changes, and what it tells of itself."""
