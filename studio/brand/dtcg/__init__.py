"""Design tokens: DTCG 2025.10 and what other tools write, to a kit and back."""
