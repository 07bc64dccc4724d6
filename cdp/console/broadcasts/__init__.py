"""One message to many people: composing, checking, watching."""
