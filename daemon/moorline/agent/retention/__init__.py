"""Retention on a host: what asks for images, the plan, and carrying it out.

pins        everything that may not go; fails closed
    past        what the state branch names, now and within the revert window
    recordpins  what the hosts' records ask for
    hostpins    what this host itself asks for
    continuity  whether the branch is still the one that was followed
plan        decide and put on record
    ground      policy and pins as of one commit
    survey      versions and manifests of a package; nodecache keeps what was read
apply       carry a decision out, once its grace is over
    gate        what speaks against a deletion, asked before each
    view        one package as it is now
    carrier     the deletions; untagging: the tags
    journal     how far it came; results: from there to the record; removed: what can be put back
    verify      whatever must be there is there
restore     the way back
schedule    when all this happens; ledger: what is on record of it
offices     what a run needs, as one value
"""
