"""Work for many machines: RQ jobs that name work to look at, never the truth.

A job says "look at this stream" or "look at the outbox"; what is to be done is read
from the store. If all of Redis is lost, the next sweep makes the jobs anew.
"""

from cdp.jobs.queue import Jobs

__all__ = ["Jobs"]
