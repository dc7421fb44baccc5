"""Recurrent nets: CharRNN, its cells, and functions that read or generate text with a net."""
