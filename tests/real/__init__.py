"""Real, unmodified SDKs against a real `cdp serve`."""
