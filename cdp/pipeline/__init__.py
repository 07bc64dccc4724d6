"""From the log to state: one micro-batch, one transaction.

`cdp.pipeline.run.Pipeline` takes the log from its checkpoint; `cdp.pipeline.batch.run_batch`
is what it does with each slice, to be read from top to bottom. Nothing is imported here:
the process that gets micro-batches ready needs only a few of these rooms.
"""
