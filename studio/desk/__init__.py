"""What is kept: store, queue, worker, files."""
