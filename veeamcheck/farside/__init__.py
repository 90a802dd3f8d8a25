"""The far end: a listener in place of services that are not there yet, and how it is recognised."""
