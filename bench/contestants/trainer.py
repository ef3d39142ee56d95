"""The trainer of signs-sweep only, on one core."""

from common import BATCH, RUNS, Clock, dataset, model_of, parse_options

from signs_sweep.trainer import runtime

runtime.prepare()

from signs_sweep.trainer.dense import DenseNetwork  # noqa: E402 - after the settings
from signs_sweep.trainer.evaluation import LabelledImages  # noqa: E402
from signs_sweep.trainer.loop import EpochLoop  # noqa: E402
from signs_sweep.trainer.recipe import Recipe  # noqa: E402

options = parse_options()
data = dataset()
shown = LabelledImages(data.train_images, data.train_labels)
loops: dict[object, EpochLoop] = {}
clock = Clock()
for variant in options.variants:
    parameters, model = RUNS[variant], model_of(variant)
    recipe = Recipe.of(parameters)
    if (model, recipe) not in loops:
        network = DenseNetwork(data.image_shape, model, len(data.classes))
        loops[model, recipe] = EpochLoop(network, BATCH, len(shown), 0, recipe)
    loop = loops[model, recipe]
    loop.start(parameters)
    loop.advance(1, shown)
    with clock.of(variant, options.epochs):
        for done in range(0, options.epochs, loop.capacity):
            loop.advance(min(loop.capacity, options.epochs - done), shown)
clock.report()
