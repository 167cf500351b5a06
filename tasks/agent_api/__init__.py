"""The agents' side of the server, mounted under /agent/v1/: thin views over the domain.
The format is docs/agent-protocol.md."""
