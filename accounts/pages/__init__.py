"""The account pages: each door translates and makes one call."""
