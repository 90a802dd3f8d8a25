"""Where on a path a port is blocked: packets that may go only so many hops, and who answers."""
