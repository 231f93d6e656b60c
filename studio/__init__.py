"""What a designer does: brand, brief, picture, ad, desk. Importing it loads no torch and no gradio."""
