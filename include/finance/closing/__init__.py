"""The financial journal, the months that are closed, and their reports."""
