"""What must hold of a database at any moment (docs/failure.md, "Invariants"), as queries that only read.

One file for each invariant or close group: functions that yield a Violation for everything that breaks it.
"""
