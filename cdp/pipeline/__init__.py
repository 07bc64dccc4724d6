"""From the log to state: one micro-batch, one transaction.

`Pipeline` takes the log from its checkpoint; `cdp.pipeline.batch.run_batch` is what
it does with each slice, to be read from top to bottom.
"""

from cdp.pipeline.run import Pipeline

__all__ = ["Pipeline"]
