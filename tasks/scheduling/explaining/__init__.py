"""What people are told: why a task waits, when and where it should start, what could never run. Changes nothing."""
