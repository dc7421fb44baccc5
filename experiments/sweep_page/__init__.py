"""The page of a sweep: its source in HTML, CSS and JavaScript, and what it is told of the runs."""
