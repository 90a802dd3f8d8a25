"""From an inventory and a network to a report: where everything comes together."""
