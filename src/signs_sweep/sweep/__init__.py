"""The sweep loop, and the runs it keeps track of: in progress, resumed, interrupted.

It depends on `signs_sweep.protocols` and on no implementation.
"""
