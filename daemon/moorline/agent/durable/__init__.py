"""What survives a crash: memory, journal, records in waiting, and the locks around them."""
