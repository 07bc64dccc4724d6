"""Who is in what, and why; building conditions."""
