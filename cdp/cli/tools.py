"""What commands of plugins get: see `cdp.plugin.commands`."""

from __future__ import annotations

from cdp.cli.errors import CliError
from cdp.plugin import Destination, DestinationContext, SettingsError


class Tools:
    """Opens the store when something is asked of it."""

    def destination(self, key: str) -> Destination:
        """The destination of that key, with its settings."""
        from cdp.cli.common import open_store
        from cdp.plugin import manager
        from cdp.store import config_rows

        settings, store = open_store(None, None)
        with store.read() as tx:
            found = config_rows.destination_by_key(tx, key)
        if found is None:
            raise CliError(f"there is no destination {key!r}")
        cls = manager.load(settings.plugin_folder).destinations().get(found.plugin)
        if cls is None:
            raise CliError(f"the plugin {found.plugin!r} is not installed")
        context = DestinationContext(
            found.name,
            settings.allow_private_addresses,
            settings.public_url or "",
            key=found.key,
        )
        try:
            return cls(found.settings, context)
        except SettingsError as error:
            raise CliError(f"the settings of {key} are wrong: {error}") from None
