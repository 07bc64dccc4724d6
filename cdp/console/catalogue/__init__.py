"""What has been seen, and which of it is personal."""
