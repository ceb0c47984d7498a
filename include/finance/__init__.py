"""Finance: money that adds up, from the figures on a dashboard down to what they were made of."""
