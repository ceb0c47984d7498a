"""What each customer will be worth: features, models, and the forecasts that come of them."""
