"""What is asked: briefs, rows and the plan."""
