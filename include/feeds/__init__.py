"""Feeds: landing, validation, load, quarantine and replay of what the sources gave."""
