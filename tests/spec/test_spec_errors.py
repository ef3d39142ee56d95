"""Errors in a spec: where, what is wrong, and what to write instead."""

import pytest

from signs_sweep.spec.table import VARIABLE_NAMES

NAMES = (
    "base, baseline, cases, data, description, grid, model, name, search, seeds, split, "
    "validation, verdict, zip"
)
BUILT = 'model: {build: "networks:cnn", rate: 1}'
WHOLE = "a whole number from 1 to 10,000,000"

# By behaviour: the spec below its name, and every problem of it as
# (line:column, what is marked, what the message says, what the hint says).
WRONG = {
    # Unknown keys
    "unknown key": ("datset: x", [("2:1", "datset", "unknown key 'datset'", "mean 'data'?")]),
    "unknown key names all": ("foo: x", [("2:1", "foo", "unknown key 'foo'", f"Keys: {NAMES}")]),
    "null under an unknown key": ("foo:", [("2:1", "foo", "unknown key 'foo'", "")]),
    "key of another case": ("Grid: {l2: [1]}", [("2:1", "Grid", "unknown key", "mean 'grid'?")]),
    "unknown key in model": (
        "model: {layers: [3]}",
        [
            (
                "2:9",
                "layers",
                "unknown key 'layers' in model",
                "did you mean 'hidden'? Keys: activation, build, hidden, init, norm",
            )
        ],
    ),
    "unknown key in data": (
        "data: {train: a, test: b, valid: c}",
        [("2:27", "valid", "unknown key 'valid' in data", "Keys: test, train")],
    ),
    "unknown key in seeds": (
        "seeds: [{global: 1}]",
        [("2:10", "global", "unknown key 'global' in seeds", "did you mean 'global_seed'?")],
    ),
    "keys called one and many": (
        "one: 1\nmany: 2\ndata: {train: a, test: b, one: c}",
        [
            ("2:1", "one", "unknown key 'one'", "Keys:"),
            ("3:1", "many", "unknown key 'many'", "Keys:"),
            ("4:27", "one", "unknown key 'one' in data", "Keys:"),
        ],
    ),
    "number as a key": ("5: x", [("2:1", "5", "unknown key '5'", "Keys:")]),
    "list as a key": ("? [a]\n: x", [("2:3", "[a]", "a key is a single word", "")]),
    # Verdicts, and seeds whose number depends on them
    "metric that is not recorded": (
        "verdict: {metric: val_loss}",
        [("2:19", "val_loss", "only recorded if samples are held out", "write validation: 0.2")],
    ),
    "metric of predictions that are not made": (
        "verdict: {metric: val_nll}",
        [("2:19", "val_nll", "only recorded if samples are held out", "or choose test_nll")],
    ),
    "unknown metric of a verdict": (
        "verdict: {metric: f1}",
        [("2:19", "f1", "metric is the text 'f1'", "expected val_accuracy, test_accuracy")],
    ),
    "margin and error out of range": (
        "verdict: {margin: 0, error: 0.9}",
        [
            ("2:19", "0", "margin is 0", "expected a number above 0, such as 0.02"),
            ("2:29", "0.9", "error is 0.9", "a probability above 0, up to 0.5"),
        ],
    ),
    "unknown key of a verdict": (
        "verdict: {alpha: 0.05}",
        [("2:11", "alpha", "unknown key 'alpha' in verdict", "did you mean 'error'?")],
    ),
    "growing seeds without what they need": (
        "seeds: {until: clear}",
        [
            ("2:8", "{until: clear}", "would depend on the test set", "write validation: 0.2"),
            ("2:8", "{until: clear}", "needs a baseline", "as in baseline: {l2: 0}"),
        ],
    ),
    "growing seeds the wrong way round": (
        "validation: 0.2\nbaseline: {l2: 0}\nseeds: {until: clear, at_least: 40}",
        [("4:33", "40", "at_least is above at_most, 30", "write 30 or less, or raise")],
    ),
    "fewer growing seeds than by default": (
        "validation: 0.2\nbaseline: {l2: 0}\nseeds: {until: clear, at_most: 7}",
        [("4:32", "7", "at_most is below at_least, 8", "write at_least: 7 as well")],
    ),
    "growing seeds until something else": (
        "validation: 0.2\nbaseline: {l2: 0}\nseeds: {until: better}",
        [("4:16", "better", "until is the text 'better'", "expected clear")],
    ),
    "unknown key of growing seeds": (
        "validation: 0.2\nbaseline: {l2: 0}\nseeds: {until: clear, max_seeds: 9}",
        [("4:23", "max_seeds", "unknown key 'max_seeds' in seeds", "did you mean 'at_most'?")],
    ),
    # The network
    "a network instead of a list of networks": (
        "grid: {hidden: [25, 12]}",
        [
            ("2:17", "25", "hidden is 25", "expected a list of unit counts, such as [25, 12]"),
            ("2:21", "12", "hidden is 12", "expected a list of unit counts, such as [25, 12]"),
        ],
    ),
    "networks to try in base": (
        "base: {hidden: [[25, 12], 50]}",
        [("2:17", "[25, 12]", "hidden is a list", "; put values to try under grid")],
    ),
    "a network twice in a grid": (
        "grid: {hidden: [[25, 12], [25, 12]]}",
        [("2:27", "[25, 12]", "this is in hidden twice", "first used at 2:17")],
    ),
    "the network of the model as a case": (
        "model: {hidden: [50]}\ncases: [{label: a}, {label: b, hidden: [50]}]",
        [("3:21", "{label: b, hidden: [50]}", "cases 1 and 2 are the same", "use seeds")],
    ),
    "no networks": (
        "grid: {hidden: []}",
        [("2:16", "[]", "hidden is empty", "expected a list such as [[25, 12], [50, 25]]")],
    ),
    "a network under model and in base": (
        "model: {hidden: [25]}\nbase: {hidden: [50]}",
        [("3:8", "hidden", "hidden is in base and under model", "first used at 2:9; keep one")],
    ),
    "an argument under model and in base": (
        f"{BUILT}\nbase: {{model.rate: 0.5}}",
        [("3:8", "model.rate", "is in base and under model", "first used at 2:32; keep one")],
    ),
    "a network that is no baseline": (
        "grid: {hidden: [[25, 12], [50]]}\nbaseline: {hidden: [25]}",
        [("3:20", "[25]", "none has hidden [25]", "hidden can be [25, 12], [50] in this spec")],
    ),
    "hidden of a function": (
        f"{BUILT}\ngrid: {{hidden: [[25]]}}\nsearch: {{space: {{hidden: [[25]]}}}}",
        [
            (place, "hidden", "not supported by a model that a function builds", "model.filters")
            for place in ("3:8", "4:18")
        ],
    ),
    "an argument of the built-in network": (
        "cases: [{model.filters: 8}]",
        [("2:10", "model.filters", "no function builds the model", "write hidden, or name a")],
    ),
    "functions in a grid": (
        f"{BUILT}\ngrid: {{model.build: [a, b]}}",
        [("3:8", "model.build", "is the same for every run", "write a spec for each function")],
    ),
    "an argument without its prefix": (
        f"{BUILT}\ngrid: {{rate: [0.1, 0.2], model.3: [5]}}",
        [
            ("3:8", "rate", "unknown parameter 'rate' in grid", "model.rate"),
            ("3:26", "model.3", "unknown parameter 'model.3' in grid", "mean 'model.rate'?"),
        ],
    ),
    "values of an argument that no spec can hold": (
        f"{BUILT}\ngrid: {{model.a: 8, model.b: [{{c: 1}}], model.c: {{low: 1}}, model.d: [x, x]}}",
        [
            ("3:17", "8", "model.a is 8", "expected a list, each a number, text"),
            ("3:30", "{c: 1}", "model.b is a mapping", "model.b has no ranges"),
            ("3:48", "{low: 1}", "model.c is a mapping", "model.c has no ranges"),
            ("3:71", "x", "x is in model.d twice", "first used at 3:68"),
        ],
    ),
    # Names that people use elsewhere
    **{
        f"{written} for {meant}": (
            f"base: {{{written}: 1}}",
            [("2:8", written, f"unknown parameter '{written}' in base", f"mean '{meant}'?")],
        )
        for written, meant in {
            "lambda": "l2",
            "lamda": "l2",
            "L2": "l2",
            "lr": "learning_rate",
            "learning-rate": "learning_rate",
            "keep": "keep_prob",
            "seed": "global_seed",
            "batch": "batch_size",
            "epoch": "epochs",
            "epcohs": "epochs",
        }.items()
    },
    "dropout and keep_prob": (
        "base: {dropout: 0.2}\ngrid: {keep_prob: [0.8, 1]}",
        [("3:8", "keep_prob", "keep_prob and dropout are the same", "first used at 2:8")],
    ),
    "an option at the top of base": (
        "base: {weight_decay: 1e-4}",
        [("2:8", "weight_decay", "unknown parameter", "optimizer: {name: adam, weight")],
    ),
    "an option of another optimizer": (
        "base: {optimizer: {name: adam, momentum: 0.9}}",
        [("2:32", "momentum", "optimizer adam has no option 'momentum'", "option of sgd, rmsprop")],
    ),
    "a misspelled option": (
        "grid: {optimizer: [adam, {name: sgd, momentun: 0.9}]}",
        [("2:38", "momentun", "optimizer sgd has no option", "did you mean 'momentum'?")],
    ),
    "an unknown optimizer": (
        "cases: [{optimizer: {name: sdg, momentum: 0.9}}]",
        [("2:28", "sdg", "optimizer is the text 'sdg'", "did you mean 'sgd'?")],
    ),
    "an unknown word": (
        "base: {activation: relu6}",
        [("2:20", "relu6", "activation is the text 'relu6'", "did you mean 'relu'?")],
    ),
    "an option out of range": (
        "base: {optimizer: {name: sgd, momentum: 1}}",
        [("2:41", "1", "momentum of optimizer is 1", "a number from 0 to below 1")],
    ),
    "a word that needs options": (
        "base: {schedule: step}",
        [("2:18", "step", "schedule step needs decay_epochs", "{name: step, decay_epochs: 100}")],
    ),
    "a missing option": (
        "base: {early_stopping: {metric: loss}}",
        [("2:24", "{metric: loss}", "patience of early_stopping is missing", "a whole number")],
    ),
    "nesterov without momentum": (
        "base: {optimizer: {name: sgd, nesterov: true}}",
        [("2:31", "nesterov", "no effect without momentum", "write momentum: 0.9")],
    ),
    "two clips": (
        "base: {optimizer: {clipnorm: 1, global_clipnorm: 2}}",
        [("2:33", "global_clipnorm", "exclude each other", "remove one")],
    ),
    "the same optimizer in two ways": (
        "grid: {optimizer: [sgd, {name: sgd, momentum: 0}]}",
        [("2:25", "{name: sgd, momentum: 0}", "two values of optimizer are the same", "at 2:20")],
    ),
    "equal cases in two ways": (
        "cases: [{augment: {shift: 0}}, {augment: none, l2: 0}]",
        [("2:32", "{augment: none, l2: 0}", "two cases are the same", "the first is at 2:9")],
    ),
    "equal entries in two ways": (
        "zip: {optimizer: [sgd, {name: sgd, momentum: 0}], l2: [1, 1]}",
        [("2:24", "{name: sgd, momentum: 0}", "two entries of zip are the same", "at 2:19")],
    ),
    "equal choices in two ways": (
        "search: {space: {optimizer: [sgd, {name: sgd, momentum: 0}]}}",
        [("2:35", "{name: sgd, momentum: 0}", "two values of optimizer are the same", "at 2:30")],
    ),
    "nesterov where momentum may be 0": (
        "search: {space: {optimizer: [{name: sgd, momentum: [0, 0.9], nesterov: true}]}}",
        [("2:62", "nesterov", "no effect without momentum", "write momentum: 0.9")],
    ),
    "a range above its limit": (
        "search: {space: {optimizer: [{name: sgd, momentum: {low: 0.5, high: 1}}]}}",
        [("2:69", "1", "high of momentum of optimizer is 1", "a number from 0 to below 1")],
    ),
    "an option as text": (
        'base: {optimizer: {name: sgd, momentum: "0.9"}}',
        [("2:41", '"0.9"', "momentum of optimizer is the text", "write 0.9 without quotes")],
    ),
    "an option with a dot": (
        "base: {optimizer.momentum: 0.9}",
        [("2:8", "optimizer.momentum", "unknown parameter", "{name: sgd, momentum: ...}")],
    ),
    "an option that needs another": (
        "base: {decay_rate: 0.5}",
        [("2:8", "decay_rate", "unknown", "{name: step, decay_epochs: 100, decay_rate: ...}")],
    ),
    "a mapping where a word belongs": (
        "base: {norm: {name: batch}}",
        [("2:14", "{name: batch}", "norm is a mapping", "none, batch or layer; write batch")],
    ),
    "a word as a key": (
        "base: {optimizer: {sgd: {momentum: 0.9}}}",
        [("2:20", "sgd", "optimizer adam has no option 'sgd'", "write {name: sgd, ...}")],
    ),
    "a parameter among options": (
        "base: {optimizer: {name: sgd, learning_rate: 0.1}}",
        [("2:31", "learning_rate", "has no option", "is a parameter itself, beside optimizer")],
    ),
    "a list of augmentations": (
        "base: {augment: [flip, shift]}",
        [("2:17", "[flip, shift]", "augment is a list", "none, or a mapping, such as {shift: 0.1")],
    ),
    "an exclusive bound": (
        "base: {optimizer: {name: lion, beta_1: 0}}",
        [("2:40", "0", "beta_1 of optimizer is 0", "a number above 0, below 1")],
    ),
    "stopping by what is not held out": (
        "base: {early_stopping: {patience: 5}}",
        [("2:24", "{patience: 5}", "watches val_loss, and no samples", "or metric: loss")],
    ),
    "a loss that differs between settings": (
        "validation: 0.2\ngrid: {label_smoothing: [0, 0.1]}\nverdict: {metric: val_loss}",
        [("4:19", "val_loss", "a different loss for each label_smoothing", "choose val_nll")],
    ),
    "an objective that differs between trials": (
        "validation: 0.2\nsearch: {objective: val_loss, space: {label_smoothing: [0, 0.1]}}",
        [("3:21", "val_loss", "a different loss for each label_smoothing", "choose val_nll")],
    ),
    "a weight that is no number": (
        "base: {class_weights: {0: heavy}}",
        [("2:27", "heavy", "0 of class_weights is the text", "above 0")],
    ),
    "an augmentation with a name": (
        "base: {augment: {name: flip}}",
        [("2:18", "name", "augment has no option 'name'", "remove it; options: brightness")],
    ),
    "dataset": ("dataset: x", [("2:1", "dataset", "unknown key", "did you mean 'data'?")]),
    "seed at the top": ("seed: 3", [("2:1", "seed", "unknown key", "did you mean 'seeds'?")]),
    # Keys that belong elsewhere
    "parameter at the top": (
        "epochs: 20",
        [("2:1", "epochs", "unknown key", "epochs belongs under base, as in base: {epochs: ...}")],
    ),
    "synonym of a parameter at the top": (
        "lr: 20",
        [("2:1", "lr", "unknown key", "learning_rate belongs under base")],
    ),
    "layers at the top": (
        "layers: [3]",
        [("2:1", "layers", "unknown key", "under model, as in model: {hidden: [25, 12]}")],
    ),
    "units in base": ("base: {units: [3]}", [("2:8", "units", "unknown", "mean 'hidden'?")]),
    "data in base": ("base: {data: x}", [("2:8", "data", "unknown", "at the top level")]),
    "seeds in model": (
        "model: {init_seed: 1}",
        [("2:9", "init_seed", "unknown key", "belongs under base")],
    ),
    **{
        f"seeds in {section}": (text, [(place, "global_seed", "is a seed", "under seeds")])
        for section, place, text in [
            ("grid", "2:8", "grid: {global_seed: [1, 2]}"),
            ("zip", "2:7", "zip: {global_seed: [1, 2]}"),
            ("cases", "2:10", "cases: [{global_seed: 1}]"),
            ("baseline", "2:12", "baseline: {global_seed: 1}"),
        ]
    },
    "seed in grid": ("grid: {seed: [1]}", [("2:8", "seed", "seed is a seed", "under seeds")]),
    # Types
    "number in quotes": (
        'base: {learning_rate: "1e-4"}',
        [("2:23", '"1e-4"', "the text '1e-4'", "write 1e-4 without quotes")],
    ),
    "whole number in quotes": (
        "base: {epochs: '5'}",
        [("2:16", "'5'", "epochs is the text '5'", "write 5 without quotes")],
    ),
    "decimal comma": (
        "base:\n  l2: 0,01",
        [("3:7", "0,01", "l2 is the text '0,01'", "write 0.01 with a decimal point")],
    ),
    "percent": ("base: {keep_prob: 80%}", [("2:19", "80%", "the text '80%'", "write 0.8")]),
    "date": ("base: {l2: 2024-01-01}", [("2:12", "2024-01-01", "the text", "a number from 0")]),
    "time": ("base: {epochs: 1:30}", [("2:16", "1:30", "the text '1:30'", WHOLE)]),
    "bool for a number": ("base: {l2: true}", [("2:12", "true", "l2 is true", "a number from 0")]),
    "bool for a count": ("base: {epochs: true}", [("2:16", "true", "epochs is true", WHOLE)]),
    "12.0 for a count": ("base: {epochs: 12.0}", [("2:16", "12.0", "is 12.0", "; write 12")]),
    "1e3 for a count": ("base: {epochs: 1e3}", [("2:16", "1e3", "is 1e3", "; write 1000")]),
    "1.5 for a count": ("base: {batch_size: 1.5}", [("2:20", "1.5", "batch_size is 1.5", WHOLE)]),
    "list in base": (
        "base: {l2: [0, 1]}",
        [("2:12", "[0, 1]", "l2 is a list", "put values to try under grid")],
    ),
    "mapping in base": ("base: {l2: {a: 1}}", [("2:12", "{a: 1}", "l2 is a mapping", "expected")]),
    "scalar in grid": ("grid: {l2: 0.01}", [("2:12", "0.01", "l2 is 0.01", "write [0.01]")]),
    "scalar in zip": ("zip: {epochs: 3}", [("2:15", "3", "epochs is 3", "write [3]")]),
    "list in a grid's list": ("grid: {l2: [[1]]}", [("2:13", "[1]", "l2 is a list", "a number")]),
    "mapping in a grid's list": (
        "grid: {l2: [{a: 1}]}",
        [("2:13", "{a: 1}", "l2 is a mapping", "a number")],
    ),
    "scalar for hidden": ("model: {hidden: 25}", [("2:17", "25", "hidden is 25", "write [25]")]),
    "list for model": (
        "model: [25, 12]",
        [("2:8", "[25, 12]", "model is a list", "such as {hidden: [25, 12]}")],
    ),
    "list for grid": ("grid: [1]", [("2:7", "[1]", "grid is a list", "{l2: [0, 0.01]}")]),
    "text for base": ("base: fast", [("2:7", "fast", "base is the text 'fast'", "such as {")]),
    "number for zip": ("zip: 5", [("2:6", "5", "zip is 5", "such as {")]),
    "mapping for cases": (
        "cases: {l2: 1}",
        [("2:8", "{l2: 1}", "cases is a mapping", "put brackets around it")],
    ),
    "text as a case": ("cases: [m6]", [("2:9", "m6", "case 1 is the text 'm6'", "such as {label")]),
    "number as a label": (
        "cases: [{label: 5}]",
        [("2:17", "5", "label is 5", 'write "5", in quotes')],
    ),
    "empty label": ("cases: [{label: ''}]", [("2:17", "''", "label is the text ''", "m6")]),
    "label of two lines": ('cases: [{label: "a\\nb"}]', [("2:17", None, "label is", "one line")]),
    "label with a hidden character": (
        'cases: [{label: "a\\u202eb"}]',
        [("2:17", None, "label is the text", "one line")],
    ),
    "label of blanks": ("cases: [{label: ' '}]", [("2:17", "' '", "label is the text", "m6")]),
    "mapping for seeds": (
        "seeds: {global_seed: 1}",
        [("2:8", "{global_seed: 1}", "seeds is a mapping", "put brackets around it")],
    ),
    "number as a replicate": ("seeds: [3]", [("2:9", "3", "replicate 1 is 3", "such as {global")]),
    "text for seeds": ("seeds: many", [("2:8", "many", "seeds is the text 'many'", "a count")]),
    "2.0 for seeds": ("seeds: 2.0", [("2:8", "2.0", "seeds is 2.0", "; write 2")]),
    "number for baseline": ("baseline: 3", [("2:11", "3", "baseline is 3", "such as {l2: 0}")]),
    "list in baseline": ("baseline: {l2: [0]}", [("2:16", "[0]", "l2 is a list", "a number")]),
    "number for description": ("description: 5", [("2:14", "5", "description is 5", '"5"')]),
    "number for data": ("data: 3", [("2:7", "3", "data is 3", "expected signs, drawn, a folder")]),
    "list for data": ("data: [1]", [("2:7", "[1]", "data is a list", "{train: a.h5, test: b.h5}")]),
    "empty data": ("data: ''", [("2:7", "''", "data is the text ''", "a folder")]),
    "data without test": ("data: {train: a}", [("2:7", "{train: a}", "test is missing", "path")]),
    "number for a file": ("data: {train: 3, test: b}", [("2:15", "3", "train is 3", "a file")]),
    # Ranges
    **{
        f"{name} {value}": (
            f"base: {{{name}: {value}}}",
            [(f"2:{10 + len(name)}", value, f"{name} is {value}", expected)],
        )
        for name, values, expected in [
            ("learning_rate", "0 -1 .inf -.inf .nan 1e39 1e400", "a number above 0"),
            ("keep_prob", "0 -0.1 1.1 2 .nan .inf", "a number above 0, up to 1"),
            ("l2", "-0.1 -1 .inf .nan 1e39", "a number from 0"),
            ("epochs", "0 -1 10000001 99999999999999999999999", WHOLE),
            ("batch_size", "0 -32 10000001", WHOLE),
            ("global_seed", "-1 2147483648 1.5", "a whole number from 0 to 2147483647"),
            ("init_seed", "-1 2147483648", "a whole number from 0 to 2147483647"),
        ]
        for value in values.split()
    },
    **{
        f"validation {value}": (
            f"validation: {value}",
            [("2:13", value, f"validation is {value}", "a fraction from 0 to below 1")],
        )
        for value in ("1", "-0.1", "1.5", ".nan", ".inf", "true")
    },
    "ranges hold in grid": (
        "grid: {epochs: [5, 0], l2: [-1]}",
        [("2:20", "0", "epochs is 0", WHOLE), ("2:29", "-1", "l2 is -1", "from 0")],
    ),
    "ranges hold in zip": ("zip: {epochs: [5, 0]}", [("2:19", "0", "epochs is 0", WHOLE)]),
    "ranges hold in cases": ("cases: [{epochs: 0}]", [("2:18", "0", "epochs is 0", WHOLE)]),
    "ranges hold in seeds": ("seeds: [{init_seed: -1}]", [("2:21", "-1", "init_seed is -1", "0")]),
    "ranges hold in baseline": ("baseline: {epochs: 0}", [("2:20", "0", "epochs is 0", WHOLE)]),
    "units": (
        "model: {hidden: [0, 1.5, 100001, x, true]}",
        [
            ("2:18", "0", "hidden is 0", "a whole number from 1 to 100,000"),
            ("2:21", "1.5", "hidden is 1.5", "a whole number"),
            ("2:26", "100001", "hidden is 100001", "to 100,000"),
            ("2:34", "x", "hidden is the text 'x'", "a whole number"),
            ("2:37", "true", "hidden is true", "a whole number"),
        ],
    ),
    "seeds 0": ("seeds: 0", [("2:8", "0", "seeds is 0", "a count from 1 to 100,000")]),
    "seeds -1": ("seeds: -1", [("2:8", "-1", "seeds is -1", "a count from 1")]),
    "too many seeds": ("seeds: 2000000", [("2:8", "2000000", "seeds is 2000000", "to 100,000")]),
    "hundreds of digits": (
        f"grid: {{l2: [1{'0' * 400}]}}",
        [("2:13", None, "l2 is 1000", "a number from 0 to 1e38")],
    ),
    "thousands of digits": (f"base: {{epochs: 1{'0' * 5000}}}", [("2:16", None, "is not a", "")]),
    # Nothing where something should be
    "no value for base": ("base:", [("2:1", "base", "base has no value", "expected a mapping")]),
    "null for data": ("data: ~", [("2:1", "data", "data has no value", "expected signs")]),
    "null for a parameter": ("base: {l2: null}", [("2:8", "l2", "l2 has no value", "a number")]),
    "null in a list": ("grid: {l2: [0, null]}", [("2:16", "null", "l2 has no value", "a number")]),
    "null as a case": ("cases: [null]", [("2:9", "null", "case 1 has no value", "such as {label")]),
    "empty list in grid": ("grid: {l2: []}", [("2:12", "[]", "l2 is empty", "expected a list")]),
    "empty list in zip": ("zip: {l2: []}", [("2:11", "[]", "l2 is empty", "expected a list")]),
    "empty hidden": ("model: {hidden: []}", [("2:17", "[]", "hidden is empty", "[25, 12]")]),
    "empty cases": ("cases: []", [("2:8", "[]", "cases is empty", "expected a list such as")]),
    "empty seeds": ("seeds: []", [("2:8", "[]", "seeds is empty", "a count from 1")]),
    **{
        f"empty {key}": (
            f"{key}: {{}}",
            [(f"2:{len(key) + 3}", "{}", f"{key} is empty", "expected a mapping such as")],
        )
        for key in ("base", "grid", "zip", "model", "baseline")
    },
    "empty mapping for data": ("data: {}", [("2:7", "{}", "data is empty", "expected signs")]),
    "empty case": ("cases: [{}]", [("2:9", "{}", "case 1 is empty", "{label: m6")]),
    "empty replicate": ("seeds: [{}]", [("2:9", "{}", "replicate 1 is empty", "{global_seed: 3")]),
    # Duplicates
    "duplicate in grid": (
        "grid: {l2: [0, 0.1, 0]}",
        [("2:21", "0", "0 is in l2 twice", "first used at 2:13")],
    ),
    "same number in other words": (
        "grid: {l2: [1, 0.01, 1.0, 1e-2, 1e0]}",
        [
            ("2:22", "1.0", "1.0 is in l2 twice", "at 2:13"),
            ("2:27", "1e-2", "1e-2 is in l2 twice", "at 2:16"),
            ("2:33", "1e0", "1e0 is in l2 twice", "at 2:13"),
        ],
    ),
    "minus zero is zero": ("grid: {l2: [0, -0.0]}", [("2:16", "-0.0", "is in l2 twice", "2:13")]),
    "duplicate entry of zip": (
        "zip: {l2: [1, 2, 1.0], epochs: [1, 2, 1]}",
        [("2:18", "1.0", "entries 1 and 3 of zip are the same", "use seeds")],
    ),
    "duplicate case": (
        "cases: [{l2: 1}, {l2: 2}, {l2: 1.0, label: a}]",
        [("2:27", "{l2: 1.0, label: a}", "cases 1 and 3 are the same", "use seeds")],
    ),
    "cases that are the same with base": (
        "base: {l2: 1}\ncases: [{epochs: 5}, {epochs: 5, l2: 1}]",
        [("3:22", "{epochs: 5, l2: 1}", "cases 1 and 2 are the same", "")],
    ),
    "cases that are the same with defaults": (
        "cases: [{label: a}, {label: b, keep_prob: 1}]",
        [("2:21", "{label: b, keep_prob: 1}", "cases 1 and 2 are the same", "")],
    ),
    "duplicate label": (
        "cases: [{label: a, l2: 1}, {label: a, l2: 2}]",
        [("2:36", "a", "the label 'a' is used twice", "first used at 2:17")],
    ),
    "duplicate seeds": (
        "base: {init_seed: 7}\nseeds: [{global_seed: 1}, {init_seed: 2}, {global_seed: 1.0}]",
        [
            ("3:43", None, "replicates 1 and 3 have the same seeds", "give the same result"),
            ("3:57", "1.0", "global_seed is 1.0", "; write 1"),
        ],
    ),
    "duplicate key": (
        "data: x\ndata: y",
        [("3:1", "data", "duplicate key 'data'", "first used at 2:1; keep one of them")],
    ),
    "duplicate name": ("name: y", [("2:1", "name", "duplicate key 'name'", "at 1:1")]),
    "duplicate parameter": (
        "grid: {l2: [0], l2: [1]}",
        [("2:17", "l2", "duplicate key 'l2'", "first used at 2:8")],
    ),
    # One part against another
    "zip of unequal lengths": (
        "zip: {l2: [1, 2, 3], epochs: [1, 2], keep_prob: [1, 0.9, 0.8]}",
        [("2:30", "[1, 2]", "different lengths", "l2 has 3, epochs has 2, keep_prob has 3")],
    ),
    "grid and zip": (
        "grid: {l2: [1, 2]}\nzip: {l2: [3]}",
        [("3:7", "l2", "l2 is in zip and in grid", "first used at 2:8")],
    ),
    "grid and cases": (
        "cases: [{l2: 1}, {l2: 2}]\ngrid: {l2: [3]}",
        [
            ("2:10", "l2", "l2 is in cases and in grid", "first used at 3:8"),
            ("2:19", "l2", "l2 is in cases and in grid", "first used at 3:8"),
        ],
    ),
    "zip and cases": (
        "zip: {l2: [1, 2]}\ncases: [{label: x, l2: 3}]",
        [("3:20", "l2", "l2 is in cases and in zip", "first used at 2:7")],
    ),
    "too many runs": (
        f"seeds: 1001\ngrid: {{epochs: [{', '.join(map(str, range(1, 1001)))}]}}",
        [("3:1", "grid", "1,001,000 runs, epochs 1,000 x seeds 1,001", "at most 1,000,000")],
    ),
    # The baseline
    "no such value": (
        "grid: {l2: [0, 0.1, 1]}\nbaseline: {l2: 0.2}",
        [("3:16", "0.2", "no run matches this baseline: none has l2 0.2", "can be 0, 0.1, 1 in")],
    ),
    "not what base says": (
        "grid: {l2: [0, 0.1]}\nbaseline: {l2: 0, epochs: 5}",
        [("3:27", "5", "none has epochs 5", "epochs is 1500 in this spec")],
    ),
    "no such label": (
        "cases: [{label: m6, l2: 1}, {l2: 0}]\nbaseline: {label: m7}",
        [("3:19", "m7", "none has label m7", "label is m6 in this spec")],
    ),
    "no labels at all": (
        "grid: {l2: [0]}\nbaseline: {label: m7}",
        [("3:19", "m7", "none has label m7", "no case has a label")],
    ),
    "values that do not go together": (
        "zip: {l2: [0, 1], epochs: [5, 6]}\nbaseline: {l2: 0, epochs: 6}",
        [("3:11", "{l2: 0, epochs: 6}", "no run matches this baseline", "no run has them all")],
    ),
    # Characters and tags
    "tag of Python": (
        "description: !!python/object:os.system x",
        [("2:14", None, "the tag !!python/object:os.system is not supported", "remove it")],
    ),
    "tag of one's own": ("data: !foo x", [("2:7", "!foo", "tag !foo is not supported", "remove")]),
    "tag on a mapping": ("grid: !!set {l2}", [("2:7", "!!set", "tag !!set is not supported", "")]),
    "tag on a list": ("cases: !x [a]", [("2:8", "!x", "the tag !x is not supported", "remove it")]),
    "tag on a key": ("!x data: a", [("2:1", "!x", "the tag !x is not supported", "remove it")]),
    "tag that does not fit": ("base: {l2: !!int x}", [("2:12", "!!int x", "'x' is not a", "")]),
    "escaped NUL": ('data: "a\\0"', [("2:7", '"a\\0"', r"character '\x00' is not allowed", "")]),
    "escaped surrogate": ('description: "\\ud800"', [("2:14", None, r"'\ud800' is not allow", "")]),
    # Splits
    "two kinds of splits": (
        "validation: 0.2\nsplit: {folds: 5}",
        [("3:1", "split", "split and validation both hold out", "remove validation: each fold")],
    ),
    "a single fold": ("split: {folds: 1}", [("2:16", "1", "folds is 1", "from 2 to 1,000")]),
    "repeats without folds": (
        "split: {repeats: 2}", [("2:8", None, "folds is missing", "")],
    ),
    "split_seed without held-out samples": (
        "base: {split_seed: 1}",
        [("2:8", "split_seed", "split_seed has no effect", "write validation: 0.2, or remove")],
    ),
    "split_seed with a given validation set": (
        "validation: given\nbase: {split_seed: 1}",
        [("3:8", "split_seed", "always holds out the same samples", "or write validation: 0.2")],
    ),
    "a given validation set with folds": (
        "split: {folds: 5}\nvalidation: given",
        [("2:1", "split", "split and validation both hold out samples", "remove validation")],
    ),
    "split_seed with folds": (
        "split: {folds: 5}\nseeds: [{split_seed: 1}, {global_seed: 1}]",
        [("3:10", "split_seed", "split trains every fold", "remove split_seed")],
    ),
    "too many splits": (
        "split: {folds: 1000, repeats: 2}\nseeds: 501",
        [("3:1", "seeds", "1,002,000 runs, seeds 501 x splits 2,000", "at most 1,000,000")],
    ),
    "splits to vary": (
        "grid: {split_seed: [0, 1]}", [("2:8", "split_seed", "split_seed", "seeds")],
    ),
    "merging no mapping": (
        "base: {l2: 1, <<: 3}",
        [("2:19", "3", "<< needs a mapping", "write <<: *name")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_problem_is_reported_at_its_place(problems_of_text, case: str) -> None:
    text, expected = WRONG[case]
    problems = problems_of_text(f"name: wrong\n{text}\n")
    assert [problem.place for problem in problems] == [place for place, *_ in expected]
    for problem, (_, marked, message, hint) in zip(problems, expected, strict=True):
        assert marked is None or problem.marked == marked
        assert message in problem.message
        assert hint in problem.hint


def test_a_problem_looks_like_this(message_of) -> None:
    text = (
        "# What does L2 do?\n"
        "name: typo\n"
        "description: A spec with a spelling mistake.\n"
        "base:\n"
        "  learning_rate: 1e-4\n"
        "  epochs: 1500\n"
        "  keep_prob: 1\n"
        "grid:\n"
        "  lamda: [0.01, 0.03]\n"
    )
    assert message_of(text) == (
        "spec.yaml:9:3: unknown parameter 'lamda' in grid\n"
        "  9 |   lamda: [0.01, 0.03]\n"
        "    |   ^^^^^ did you mean 'l2'? "
        f"Parameters: {', '.join(sorted(VARIABLE_NAMES))}"
    )


def test_all_problems_are_reported_together_in_the_order_of_the_file(problems_of_text) -> None:
    problems = problems_of_text(
        "seeds: 0\n"
        "name: a/b\n"
        "grid: {lamda: [1], epochs: [1, 1], keep_prob: 2}\n"
        "base: {epochs: 0.5}\n"
        "zip: {l2: [1], learning_rate: [1, 2]}\n"
        "cases: [{l2: 1}]\n"
    )
    places = ["1:8", "2:7", "3:8", "3:32", "3:47", "4:16", "5:31", "6:10"]
    assert [problem.place for problem in problems] == places


def test_of_very_many_problems_the_first_are_shown(message_of) -> None:
    text = "name: x\n" + "".join(f"key{number}: 1\n" for number in range(80))
    lines = message_of(text).splitlines()
    assert len(lines) == 3 * 50 + 1
    assert lines[-1] == "... and 30 more problems"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a/b",
            "a\\b",
            "..",
            ".a",
            "a.",
            "-a",
            "a-",
            " ",
            "a:b",
            "é",
            "手",
            "a*",
            "a?",
            "x" * 101,
        ),
        *("con", "NUL", "aux.txt", "com1", "a\u202eb", "a\tb"),
    ],
)
def test_a_name_that_is_not_a_file_name_is_refused(problems_of_text, name: str) -> None:
    (problem,) = problems_of_text(f"name: '{name}'\n")
    assert problem.place == "1:7"


@pytest.mark.parametrize("name", ["l2", "Does L2 help", "m1-m8_v1.0", "x" * 100, "connect", "5a"])
def test_a_sane_name_is_accepted(load_text, name: str) -> None:
    assert load_text(f"name: {name}\n").name == name


def test_a_name_is_required(problems_of_text) -> None:
    (problem,) = problems_of_text("# no name\ndescription: x\n")
    assert problem.place == "2:1"
    assert problem.message == "name is missing"


def test_control_characters_do_not_reach_the_terminal(message_of) -> None:
    shown = message_of('name: x\n"\\e[31m": 1\ndata: 3 # \u202e\n')
    assert shown.isprintable() or {c for c in shown if not c.isprintable()} == {"\n"}
