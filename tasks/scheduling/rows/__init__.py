"""Rows as values for a pass: hosts, what is held and used on them, and the queue by lanes. Places nothing."""
