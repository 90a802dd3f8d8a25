"""What a firewall must let through, and the rules by which it does."""
