"""Exports read back by their mappings, for the tests of both."""
