"""People and accounts: finding them, who they are, bringing them in, deleting them."""
