"""Copies of the data folder, made while the server runs, and the way back. No part of the server itself."""
