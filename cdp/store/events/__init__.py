"""What happened: the history, what is kept of messages in columns, how far the pipeline is."""
