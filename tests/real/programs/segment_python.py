"""Everything the scenario holds, sent with segment-analytics-python."""

import os
import sys
from datetime import UTC, datetime, timedelta

from segment.analytics import Client

person = os.environ["PERSON"]
failures = []
client = Client(
    os.environ["WRITE_KEY"],
    host=os.environ["HOST"],
    gzip="--gzip" in sys.argv,
    on_error=lambda error, items: failures.append(error),
)

client.track(anonymous_id=f"{person}-old", event="Early Visit", properties={"step": 1})
client.track(
    anonymous_id=f"{person}-anon",
    event="Product Viewed",
    properties={
        "count": 42,
        "price": 19.99,
        "big": 9007199254740991,
        "negative": -7,
        "yes": True,
        "no": False,
        "title": "Zażółć gęślą jaźń 🦊",
        "nested": {"a": {"b": [1, "two", 3.5, True]}},
        "empty": "",
        "when": datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    },
)
client.identify(
    person,
    anonymous_id=f"{person}-anon",
    traits={
        "email": f"{person}@example.com",
        "name": "Zoë Żółć 🦊",
        "age": 36,
        "score": 4.5,
        "vip": True,
        "address": {"city": "Łódź", "postalCode": "90-001"},
        "tags": ["a", "b"],
        "createdAt": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    },
)
client.page(person, name="Pricing", properties={"path": "/pricing", "depth": 0.75})
client.screen(person, name="Home", properties={"theme": "dark", "tab": 2})
client.group(person, f"{person}-org", traits={"name": "Acme & Søn", "employees": 250})
client.alias(f"{person}-old", person)
client.track(
    person,
    "Order Completed",
    properties={
        "order_id": f"{person}-1",
        "total": 99.5,
        "products": [{"sku": "S-1", "quantity": 2, "price": 49.75}],
    },
    timestamp=datetime.now(UTC) - timedelta(hours=1),
)
client.shutdown()
if failures:
    sys.exit(f"not delivered: {failures}")
