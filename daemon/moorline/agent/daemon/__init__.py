"""`moorline run`: threads, what wakes them, and how they end."""
