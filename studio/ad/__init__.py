"""What is delivered: layout, type, drawing and the score."""
