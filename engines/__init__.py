"""What a machine does: painters and the other engines. Never imports `studio` or `gradio`."""
