"""What is removed by policy, so that a server can run for years: what, when and in which order (docs/operations.md)."""
