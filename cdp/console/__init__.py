"""The web console: pages for the marketer and the engineer, on the server's own port.

`create_blueprint` is all that the server needs. A page is a view in the folder of its
place (`live`, `people`, `audiences`, …), a template, and queries from `cdp.store`;
`routes` lists every address, `masking` stands between a page and its template. What a
page does to the configuration goes through the functions that the API uses too.
"""

from cdp.console.context import Services
from cdp.console.routes import create_blueprint

__all__ = ["Services", "create_blueprint"]
