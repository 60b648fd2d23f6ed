"""The splitting proxy, and the two files by which a promotion and it know of one another."""
