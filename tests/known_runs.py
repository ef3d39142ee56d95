"""Runs whose ids are known for good."""

from dataclasses import replace

from signs_sweep.domain import Built, Dense, Parameters, Run

RUN = Run(
    Parameters(
        learning_rate=1e-4,
        batch_size=32,
        epochs=1500,
        l2=0.01,
        keep_prob=0.8,
        global_seed=3,
        init_seed=0,
    ),
    model=Dense((25, 12)),
    validation=0.1,
    data="7c1e90ab00112233",
    training_version=1,
)
PINNED = "ebf367ab8fdb-1500"

SMALL = {"batch_size": 16, "epochs": 20, "global_seed": 0, "init_seed": 7}
NUMBERS = {"learning_rate": 0.003, "batch_size": 64, "epochs": 10, "l2": 0.5, "keep_prob": 1.0}
SEEDS = {"global_seed": 5, "init_seed": 2**31 - 1}
CNN = Built(
    "networks:small_cnn",
    (("filters", (8, 16)), ("rate", 0.5), ("act", "relu"), ("bias", True)),
    "0123456789abcdef",
)
BUILT = {"learning_rate": 5e-4, "batch_size": 8, "epochs": 40, "global_seed": 1, "init_seed": 1}

# Runs by their ids, as they were before there was a table of hyperparameters.
IDS = {
    PINNED: RUN,
    "026e8914dc78-1500": replace(RUN, training_version=2),
    "bf58f7d6f97f-1500": replace(RUN, training_version=3),
    "f833d5bec3df-1500": Run(Parameters(), Dense((25, 12)), 0.0, "7c1e90ab00112233", 2),
    "e9707a562ab6-20": Run(
        Parameters(learning_rate=1, l2=0, keep_prob=1, **SMALL), Dense((3,)), 0, "data", 2
    ),
    "471f73d8e461-10": Run(Parameters(**NUMBERS, **SEEDS), Dense((25, 12)), 0.2, "data", 2),
    "79b55c0117fb-1": Run(
        Parameters(
            learning_rate=1e-30,
            batch_size=1,
            epochs=1,
            l2=1e38,
            keep_prob=1e-9,
            global_seed=2**31 - 1,
            init_seed=0,
        ),
        Dense((1, 1, 1)),
        0.999,
        "d",
        2,
    ),
    "2c1cff494bb4-40": Run(Parameters(**BUILT), CNN, 0.25, "data", 2),
    "5d77576644ff-40": Run(
        Parameters(**BUILT, l2=1e-3), replace(CNN, arguments=()), 0.0, "data", 1
    ),
}
