"""Our trainer alone, on one core."""

from common import BATCH, RATE, VARIANTS, Clock, dataset, options

from signs_sweep.domain import Parameters
from signs_sweep.trainer import runtime

runtime.prepare()

from signs_sweep.trainer.dense import DenseNetwork  # noqa: E402 - after the settings
from signs_sweep.trainer.loop import EpochLoop, LabelledImages  # noqa: E402

given = options()
found = dataset()
network = DenseNetwork(found.image_shape, (25, 12), len(found.classes))
loop = EpochLoop(network, LabelledImages(found.train_images, found.train_labels), None, BATCH)
clock = Clock()
for variant in given.variants:
    l2, keep_prob = VARIANTS[variant]
    loop.start(Parameters(learning_rate=RATE, l2=l2, keep_prob=keep_prob))
    loop.advance(1)
    with clock.of(variant, given.epochs):
        for done in range(0, given.epochs, loop.capacity):
            loop.advance(min(loop.capacity, given.epochs - done))
clock.report()
