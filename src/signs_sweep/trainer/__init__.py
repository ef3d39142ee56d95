"""Training: a run in, events out. The only package that imports TensorFlow, and only when used.

`training.Trainer` trains a run; `network` is the interface of networks, `dense` and `built`
implement it, `loop` compiles epochs as a `recipe` says, with an `optimizer` and the rates of a
`schedule`, `randomness` draws all random numbers, `runtime` has the settings of TensorFlow that the
bits of a result depend on.
"""
