"""Painters on stock diffusers pipelines. Nothing heavy is imported before a painter is opened."""
