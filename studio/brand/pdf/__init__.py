"""A brand read from a guidelines PDF: its printed colour codes, drawn swatches and embedded fonts."""
