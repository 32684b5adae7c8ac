"""Retention on a host: what asks for images, the plan, and carrying it out."""
