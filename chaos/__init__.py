"""What happens to requests when something breaks: faults, overload and soak tests, under open load, on separate servers."""
