"""Stand-ins for a painter's networks that run faster: exported, built for a card, kept, and chosen when they fit."""
