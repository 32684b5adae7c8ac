"""Retention: which image versions a registry keeps, which go, and why. Pure.

model.py    versions, pins, the policy, and the decision about one package
policy.py   policies/retention.yaml: bytes in, a `Policy` out, or everything that is wrong with it
tags.py     what kind of tag one is, and which rule decides about it
graph.py    what belongs together: indexes, their parts, attestations, signatures
decide.py   the decision
space.py    the bytes that it frees
records.py  the decision as a file in git
"""
