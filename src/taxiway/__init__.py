"""Taxiway: decide whether a model may go live, prove why."""
