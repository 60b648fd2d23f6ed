"""The pictures and the answers of docs/uses.md: one for each use, drawn here and read by the released weights."""
