"""Two ways out: streams over the history, and an outbox for what has its own fate."""
