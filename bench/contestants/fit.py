"""The original's way: `model.fit`, run after run, on all cores."""

from common import BATCH, VARIANTS, Clock, arrays, keras_model, options

given = options()
images, labels = arrays()
clock = Clock()
for variant in given.variants:
    model = keras_model(*VARIANTS[variant])
    model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0)
    with clock.of(variant, given.epochs):
        model.fit(images, labels, batch_size=BATCH, epochs=given.epochs, verbose=0)
clock.report()
