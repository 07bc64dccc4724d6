"""Messages on their way and what came of them, and what people want to get."""
