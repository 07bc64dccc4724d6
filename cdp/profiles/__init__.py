"""What is known about people and accounts: traits and how they are read."""
