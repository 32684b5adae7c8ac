"""Retention: which image versions a registry keeps, which go, and why. Pure.

model       the words: versions, pins, rules, verdicts, and the decision about one package
decide      the decision itself, with its rules at the top
    tags        what a tag says, and which rule it falls under
    graph       what belongs together: indexes, their parts, attestations, signatures
    space       the bytes that a decision frees
pinned      what the bytes of files and records ask for
policy      policies/retention.yaml: bytes in, a `Policy` out, or everything that is wrong with it
    rules, spans, beginners, defaults
records     the decision as files in git; outcomes: what came of it
    rowfiles, fields
"""
