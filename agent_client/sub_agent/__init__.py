"""One attempt at one task: the process that runs a script, and the conversation with the server about it."""
