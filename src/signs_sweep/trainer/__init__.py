"""Training: a run in, events out. The only place that imports TensorFlow, and only when used.

`training.Trainer` takes a run through its epochs; `network` is the network and its variables,
`loop` the compiled epochs, `randomness` everything that is drawn, `runtime` the settings of
TensorFlow that the bits of a result depend on.
"""
