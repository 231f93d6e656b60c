"""What is seen. The only place that imports gradio."""
