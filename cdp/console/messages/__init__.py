"""Messages that were sent, what they are made of, and what people want to get."""
