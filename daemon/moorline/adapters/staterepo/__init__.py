"""The state repo on GitPython: a bare mirror, read at commits, written by plain pushes."""

from moorline.adapters.staterepo.repo import GitStateRepo

__all__ = ["GitStateRepo"]
