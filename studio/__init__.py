"""What a designer does: brand, brief, picture, ad, desk. Importing it loads no torch and no gradio."""

__version__ = "0.1.0"
