"""Small programs for the lab's hosts: one file each, on the standard library alone."""
