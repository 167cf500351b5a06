"""Reservations: verbs, deadlines, the outlook, how they are told."""
