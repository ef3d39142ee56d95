"""How many epochs are left to train."""

from signs_sweep.cli.planning import epochs_left
from signs_sweep.domain import PARAMETERS, Dense, Parameters, Run


def run(epochs: int, l2: float) -> Run:
    return Run(Parameters(epochs=epochs, l2=l2), Dense((2,)), 0.0, "data")


def test_a_longer_run_is_counted_from_where_the_shorter_one_ends() -> None:
    runs = [run(2000, 0), run(1500, 0), run(1500, 0.1)]
    assert epochs_left(runs, {}) == [500, 1500, 1500]
    assert epochs_left(runs, {runs[0].run_id: 1200, runs[1].run_id: 1200}) == [500, 300, 1500]
    assert epochs_left(runs[:1], {runs[0].run_id: 1500}) == [500]


def test_with_early_stopping_it_is_the_most_that_runs_train_together() -> None:
    def stopping(epochs: int, patience: int, metric: str = "val_loss") -> Run:
        options = {"patience": patience, "metric": metric}
        rule = PARAMETERS["early_stopping"].component("", options)
        return Run(Parameters(epochs=epochs, early_stopping=rule), Dense((2,)), 0.0, "data")

    runs = [run(1500, 0), stopping(1500, 9), stopping(1500, 5), stopping(1500, 5, "loss")]
    assert epochs_left(runs, {}) == [0, 0, 1500, 1500]
    assert epochs_left(runs, {runs[2].run_id: 100}) == [0, 0, 1400, 1500]
    assert epochs_left([run(100, 0), stopping(1500, 9)], {}) == [100, 1500]
    assert epochs_left([stopping(25, 20), stopping(30, 3)], {}) == [25, 30], "it may pass epoch 25"
    assert epochs_left([stopping(25, 3), stopping(30, 20)], {}) == [25, 5]
    runs = [stopping(10, 3), stopping(30, 5), stopping(20, 9)]
    assert epochs_left(runs, {}) == [10, 20, 20], "the first may stop at epoch 5"
