"""Where a brand is read from: the web behind a guard, saved pages, folders, archives."""
