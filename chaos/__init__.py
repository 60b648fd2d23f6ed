"""What happens to requests when something breaks: faults, overload and soak, under open load, against a server of its own."""
