"""Sequences and nets: patterns, CharRNN, training and evaluation. Knows nothing of MLflow, plots or flags."""
