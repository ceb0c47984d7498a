"""Finance: what is matched, decided, booked and closed, so that every cent is explained."""
