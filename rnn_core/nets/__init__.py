"""Nets: CharRNN, its cells, and reading and writing with a net."""
