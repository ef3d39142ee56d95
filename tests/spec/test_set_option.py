"""`--set KEY=VALUE`, checked as the spec is."""

import pytest

from signs_sweep.domain import Dense, Seeds
from signs_sweep.errors import UsageError

PARAMETERS = "Parameters: activation, augment, batch_size, class_weights, dropout, early_stopping"
BUILT = 'model: {build: "networks:cnn"}'


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("epochs=20", "epochs", 20),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("l2=1e-05", "l2", 1e-5),
        ("l2=0", "l2", 0.0),
        (" keep_prob = 0.5 ", "keep_prob", 0.5),
        ("init_seed=0x10", "init_seed", 16),
    ],
)
def test_a_value_is_read_as_in_a_spec(load_text, override: str, name: str, value: float) -> None:
    experiment = load_text("name: x\n", [override])
    assert getattr(experiment.points[0].parameters, name) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lambda=1", f"unknown parameter 'lambda'; did you mean 'l2'? {PARAMETERS}"),
        ("epoch=1", "unknown parameter 'epoch'; did you mean 'epochs'? Parameters:"),
        ("dropout=1", "dropout is 1; expected a number from 0 to below 1"),
        ("optimizer=sdg", "optimizer is the text 'sdg'; did you mean 'sgd'? Expected adam, adamw"),
        ("optimizer=[sgd]", "expected optimizer to be adam, adamw, sgd, rmsprop, nadam or lion"),
        ("optimizer={name: sgd, momentum: 2}", "momentum of optimizer is 2; expected a number"),
        ("optimizer={name: adam, momentum: 0}", "optimizer adam has no option 'momentum'; momen"),
        ("optimizer={name: sgd, momentun: 0}", "has no option 'momentun'; did you mean 'momentum"),
        (
            "schedule=step",
            "schedule step needs decay_epochs; write {name: step, decay_epochs: 100}",
        ),
        ("schedule={name: step}", "decay_epochs of schedule is missing; expected a whole number"),
        ("optimizer={name: sgd, nesterov: true}", "nesterov has no effect without momentum"),
        ("early_stopping={patience: 5}", "watches val_loss, and no samples are held out"),
        ("optimizer.momentum=0.5", "momentum is an option of optimizer, as in optimizer: {name"),
        ("seed=1", "did you mean 'global_seed'?"),
        ("hidden=3", "hidden is 3; expected a list of unit counts, such as [25, 12]; write [3]"),
        ("hidden=[3, 0]", "hidden is 0; expected a whole number from 1 to 100,000"),
        ("hidden=[]", "expected hidden to be a list of unit counts"),
        ("hidden={a: 1}", "expected hidden to be a list of unit counts"),
        ("model.filters=", "expected model.filters to be a number, text, true, false, or a list"),
        ("model.filters=[{}]", "model.filters is a list; expected a number, text, true, false"),
        ("model.filters=8", "model.filters is an argument of a function, and no function builds"),
        ("model.8=8", "'model.8' does not name an argument"),
        ("=3", "unknown parameter ''"),
        ("epochs", "expected KEY=VALUE, such as --set epochs=20"),
        ("", "expected KEY=VALUE"),
        ("epochs=0", "epochs is 0; expected a whole number from 1 to 10,000,000"),
        ("epochs=12.0", "epochs is 12.0; expected a whole number from 1 to 10,000,000; write 12"),
        ("epochs='5'", "epochs is the text '5'; expected a whole number"),
        ("epochs=ten", "epochs is the text 'ten'; expected a whole number"),
        ("epochs=true", "epochs is true; expected a whole number"),
        ("epochs=", "expected epochs to be a whole number"),
        ("epochs=[1, 2]", "expected epochs to be a whole number"),
        ("epochs={{{", "expected epochs to be a whole number"),
        ("epochs=!!python/object:os.system x", "expected epochs to be a whole number"),
        ("epochs=*a", "expected epochs to be a whole number"),
        ("epochs=1\n---\n2", "expected epochs to be a whole number"),
        (f"epochs=1{'0' * 5000}", "expected epochs to be a whole number"),
        ("l2=-1", "l2 is -1; expected a number from 0"),
        ("l2=.nan", "l2 is .nan; expected a number from 0"),
        ("keep_prob=80%", "keep_prob is the text '80%'; expected a number above 0, up to 1; "),
        ("l2=\0", "expected l2 to be a number from 0"),
        ("\ud800=\udfff", "unknown parameter"),
    ],
)
def test_an_invalid_override_is_an_error(load_text, override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_text("name: x\n", [override])
    assert str(caught.value).startswith("--set ")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_dropout_is_another_way_to_write_keep_prob(load_text) -> None:
    (point,) = load_text("name: x\n", ["dropout=0.7"]).points
    assert point.parameters.keep_prob == 0.3
    with pytest.raises(UsageError, match="keep_prob and dropout are the same; set one of them"):
        load_text("name: x\n", ["dropout=0.2", "keep_prob=0.8"])
    with pytest.raises(UsageError, match=r"--set keep_prob=0\.8: the spec writes dropout"):
        load_text("name: x\ngrid: {dropout: [0, 0.2]}\n", ["keep_prob=0.8"])


def test_a_word_with_options_is_read_as_in_a_spec(load_text) -> None:
    overrides = ["optimizer={name: sgd, momentum: 0.9}", "schedule=cosine", "class_weights={0: 2}"]
    (point,) = load_text("name: x\ngrid: {optimizer: [adam, lion]}\n", overrides).points
    parameters = point.parameters
    assert str(parameters.optimizer) == "{name: sgd, momentum: 0.9}"
    assert (str(parameters.schedule), str(parameters.class_weights)) == ("cosine", "{0: 2}")


def test_a_value_of_the_network_is_read_as_in_a_spec(load_text) -> None:
    (point,) = load_text("name: x\ngrid: {hidden: [[3], [4]]}\n", ["hidden=[50,25]"]).points
    assert point.model == Dense((50, 25))
    (point,) = load_text(f"name: x\n{BUILT}\n", ["model.filters=[8, [16]]"]).points
    assert point.model.varied == {"model.filters": (8, (16,))}
    with pytest.raises(UsageError, match=r"--set hidden=\[3\]: hidden is not supported by a model"):
        load_text(f"name: x\n{BUILT}\n", ["hidden=[3]"])


def test_a_key_is_set_once(load_text) -> None:
    with pytest.raises(UsageError, match="--set epochs=6: epochs is set twice"):
        load_text("name: x\n", ["epochs=5", "epochs=6"])


@pytest.mark.parametrize(
    ("section", "message"),
    [("split: {folds: 5}", "split trains every fold"), ("", "write validation: 0.2 in the spec")],
)
def test_the_seed_of_the_split_can_be_set_only_where_it_selects_a_split(
    load_text, section: str, message: str
) -> None:
    with pytest.raises(UsageError, match=f"--set split_seed=3: .*{message}"):
        load_text(f"name: x\n{section}\n", ["split_seed=3"])
    seeds = load_text("name: x\nvalidation: 0.2\nseeds: 2\n", ["split_seed=3"]).seeds
    assert seeds == (Seeds(0, 0, 3), Seeds(1, 1, 3))
