"""Measurements, one file a question. Speed is measured here and never asserted in a test."""
