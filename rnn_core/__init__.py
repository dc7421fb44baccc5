"""Patterns, recurrent nets, their training and their measurements. Imports no MLflow and draws no pictures."""
