"""The sweep loop and what it needs to know of runs: under way, to be resumed, interrupted.

It knows `signs_sweep.protocols` and nothing behind them.
"""
