"""Connectors: how each source system is fetched, and the mappings from what it says to the feeds."""
