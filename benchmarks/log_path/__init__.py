"""What does a task that prints fast cost the server, with many who look on: see __main__."""
