"""From a weights file to what is served; each artifact is checked before it is moved into place."""
