// What each Node SDK sends: they all take calls of this shape.
const person = process.env.PERSON;

export const calls = [
  ["track", { anonymousId: `${person}-old`, event: "Early Visit", properties: { step: 1 } }],
  [
    "track",
    {
      anonymousId: `${person}-anon`,
      event: "Product Viewed",
      properties: {
        count: 42,
        price: 19.99,
        big: 9007199254740991,
        negative: -7,
        yes: true,
        no: false,
        title: "Zażółć gęślą jaźń 🦊",
        nested: { a: { b: [1, "two", 3.5, true] } },
        empty: "",
        when: new Date(Date.UTC(2026, 2, 4, 5, 6, 7)),
      },
    },
  ],
  [
    "identify",
    {
      userId: person,
      anonymousId: `${person}-anon`,
      traits: {
        email: `${person}@example.com`,
        name: "Zoë Żółć 🦊",
        age: 36,
        score: 4.5,
        vip: true,
        address: { city: "Łódź", postalCode: "90-001" },
        tags: ["a", "b"],
        createdAt: new Date(Date.UTC(2025, 0, 2, 3, 4, 5)),
      },
    },
  ],
  ["page", { userId: person, name: "Pricing", properties: { path: "/pricing", depth: 0.75 } }],
  ["screen", { userId: person, name: "Home", properties: { theme: "dark", tab: 2 } }],
  [
    "group",
    {
      userId: person,
      groupId: `${person}-org`,
      traits: { name: "Acme & Søn", employees: 250 },
    },
  ],
  ["alias", { previousId: `${person}-old`, userId: person }],
  [
    "track",
    {
      userId: person,
      event: "Order Completed",
      properties: {
        order_id: `${person}-1`,
        total: 99.5,
        products: [{ sku: "S-1", quantity: 2, price: 49.75 }],
      },
      timestamp: new Date(Date.now() - 3_600_000),
    },
  ],
];
