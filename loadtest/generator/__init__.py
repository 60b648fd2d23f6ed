"""What runs inside Locust: its users, what they send, the shape of the load, and what Locust counted at its end."""
