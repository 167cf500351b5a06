"""How many hosts can one server process hear: see __main__."""
