"""The Segment HTTP Tracking API and what SDKs fetch before they start.

A view decodes no more than it must, appends the request to the log, and answers
200 when that is on disk. Everything that is said about a single message is said
by the pipeline, which keeps what it can't take with the reason.
"""

from cdp.tracking.views import create_blueprint

__all__ = ["create_blueprint"]
