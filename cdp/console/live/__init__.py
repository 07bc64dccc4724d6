"""Events as they come in, and those that were refused."""
