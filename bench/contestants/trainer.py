"""The trainer of signs-sweep only, on one core."""

from common import BATCH, RATE, VARIANTS, Clock, dataset, parse_options

from signs_sweep.domain import Dense, Parameters
from signs_sweep.trainer import runtime

runtime.prepare()

from signs_sweep.trainer.dense import DenseNetwork  # noqa: E402 - after the settings
from signs_sweep.trainer.loop import EpochLoop, LabelledImages  # noqa: E402

options = parse_options()
data = dataset()
network = DenseNetwork(data.image_shape, Dense((25, 12)), len(data.classes))
shown = LabelledImages(data.train_images, data.train_labels)
loop = EpochLoop(network, BATCH, len(shown))
clock = Clock()
for variant in options.variants:
    l2, keep_prob = VARIANTS[variant]
    loop.start(Parameters(learning_rate=RATE, l2=l2, keep_prob=keep_prob))
    loop.advance(1, shown)
    with clock.of(variant, options.epochs):
        for done in range(0, options.epochs, loop.capacity):
            loop.advance(min(loop.capacity, options.epochs - done), shown)
clock.report()
