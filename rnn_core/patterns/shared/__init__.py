"""What pattern families share: base classes, oracles, test cases and n-gram models."""
