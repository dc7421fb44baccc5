"""What families of patterns share: the base classes, oracles, and models to compare with."""
