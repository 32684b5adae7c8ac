"""What a process uses, from proc(5)."""

import os
from pathlib import Path

__all__ = ["MIB", "processor_time", "resident"]

MIB = 1 << 20


def processor_time(pid: int) -> float:
    """Seconds of the daemon and of every child that it has waited for (stat 14-17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes (statm 2)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
