"""Measurements of a trained net; `measure` returns them all as a Report."""
