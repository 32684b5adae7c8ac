"""Carrying a plan out: its steps, gates, jobs, canaries, and the traffic in between."""
