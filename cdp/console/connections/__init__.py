"""Where events come from and where they go: sources, destinations, plugins."""
