"""Reads runs, compares and draws. Never trains, never writes to a run."""
