"""The web console: pages for the marketer and the engineer, on the server's own port.

`create_blueprint` is all that the server needs. A page is a view in the file of its
place (`home`, `live`, `people`, …), a template of the same name, and queries from
`cdp.store`; `routes` lists every address. What a page does to the configuration goes
through the functions that the API uses too.
"""

from cdp.console.context import Services
from cdp.console.routes import create_blueprint

__all__ = ["Services", "create_blueprint"]
