"""Looking without touching: status, previews, and what a host lacks."""
