"""One message to an audience: who gets which variant, when, how fast, and which one won. No I/O."""
