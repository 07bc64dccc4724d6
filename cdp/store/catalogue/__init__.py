"""What has been seen: names of events, traits and fields, and which of these are personal."""
