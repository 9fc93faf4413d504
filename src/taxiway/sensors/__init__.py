"""Waiting for the registry."""
