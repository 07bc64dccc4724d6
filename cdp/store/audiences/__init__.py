"""Who is in what: conditions asked of the store, memberships, lists, values of computed traits."""
