from tests.cli.conftest import cdp, space

__all__ = ["cdp", "space"]
