"""Money that ties: orders, payments and bank lines reconciled, commission booked, months closed."""
