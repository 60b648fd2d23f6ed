"""What runs inside Locust: its users, what they send, the shape of the load, and the result at the end."""
