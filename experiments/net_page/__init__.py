"""The page in which a recorded net lives: its source in HTML, CSS and JavaScript, and what it is told of a run."""
