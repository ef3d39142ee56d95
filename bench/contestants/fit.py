"""The original training: `model.fit`, run after run, on all cores."""

from common import BATCH, Clock, arrays, keras_model, parse_options

options = parse_options()
images, labels = arrays()
clock = Clock()
for variant in options.variants:
    model = keras_model(variant)
    model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0)
    with clock.of(variant, options.epochs):
        model.fit(images, labels, batch_size=BATCH, epochs=options.epochs, verbose=0)
clock.report()
