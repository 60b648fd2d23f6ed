"""Pages: a document is read one page after the other, by its text, by the lines found on it, or by the regions of a template."""
