"""What is painted: one Shot through the engines."""
