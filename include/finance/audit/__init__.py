"""How anybody can look behind a figure: what it is made of, samples to check, orders under suspicion."""
