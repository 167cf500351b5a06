"""How long one scheduling pass takes: see __main__."""
