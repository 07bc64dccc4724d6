"""Moving broadcasts: choose the people at one instant, then give each a delivery in turn."""
