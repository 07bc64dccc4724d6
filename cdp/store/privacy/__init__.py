"""What goes, and how it is proven; what a person is given of what is known."""
