"""Pictures that are kept for people to label: which ones, where, and for how long. It knows no task, and no request but its id."""
