"""What is due, what came, what belongs together: each order, payment and bank line in exactly one state."""
