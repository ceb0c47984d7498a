"""The simulated shops: a world with known truth, and its systems' exports."""
