"""The version of Nightshift and of its agent protocol. Imports nothing, so that build tools can read it."""

VERSION = "0.1.0"
PROTOCOL_VERSION = 1
