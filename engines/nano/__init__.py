"""How the built-in networks are made: their data, their training, their export. Nothing here runs in the studio."""
