"""A small deployment on loopback, to see the audit work."""
