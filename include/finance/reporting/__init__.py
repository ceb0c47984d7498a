"""What a night tells people: the finance pack, the alert, and the gate on unexplained money."""
