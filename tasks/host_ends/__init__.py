"""What becomes of tasks and of what they hold when a host is lost, drained, stopped or removed."""
