"""What was launched of journeys, and who is where in them."""
