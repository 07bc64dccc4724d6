"""Push notifications: FCM, APNs, Web Push and Expo."""

from cdp.plugin import hookimpl
from cdp_push.channel import PushChannel

__all__ = ["PushChannel", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[PushChannel]]:
    """This package's one channel."""
    return [PushChannel]
