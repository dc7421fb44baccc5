"""Side by side with what a user would do instead, both in one run."""
