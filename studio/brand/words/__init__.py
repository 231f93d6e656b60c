"""What a site calls itself and says: name, tagline, language, headlines, tone."""
