"""How Django shows dates where it formats them itself: the admin."""
