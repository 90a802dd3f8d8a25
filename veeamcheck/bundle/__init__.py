"""An archive for a ticket."""
