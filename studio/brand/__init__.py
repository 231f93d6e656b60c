"""Who is speaking: the kit, its tokens and fonts."""
