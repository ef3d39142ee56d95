"""How the problems of a spec are laid out: carets below their places, within the terminal."""

import pickle
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from signs_sweep.errors import SpecError
from signs_sweep.planning.preparation import load_all
from signs_sweep.spec import load

# Text before a problem, by script, and how many columns a terminal takes for it.
SCRIPTS = {
    "ASCII": ("abc", 3),
    "Chinese": ("\u8def\u724c", 4),
    "Korean": ("\ud55c\uae00", 4),
    "Korean in parts": ("\u1112\u1161\u11ab", 2),
    "half and full width": ("\uff76\uff21", 3),
    "combining accent": ("e\u0301", 1),
    "Hebrew with points": ("\u05e9\u05c1", 1),
    "Thai": ("\u0e01\u0e34", 1),
    "emoji": ("\U0001f44b", 2),
    "emoji by a selector": ("\u2764\ufe0f", 1),
    "joined emoji": ("\U0001f469\u200d\U0001f467", 5),  # The joiner is shown, as one column.
    "hidden characters": ("a\u200bb\u202e", 4),
    "odd spaces": ("a\u00a0b\u3000", 4),
    "tab": ("a\tb", 6),
}


@pytest.fixture
def error_of(tmp_path, monkeypatch):
    """Return the error of a spec in this folder."""
    monkeypatch.chdir(tmp_path)

    def error(text: str) -> SpecError:
        Path("spec.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(SpecError) as caught:
            load(Path("spec.yaml"))
        return caught.value

    return error


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_caret_stands_below_its_place_in_every_script(message_of, script: str) -> None:
    before, columns = SCRIPTS[script]
    _, source, mark = message_of(f'name: x\ndata: {{train: "{before}", test: 3}} #\n').splitlines()
    assert mark.index("^") == len('  2 | data: {train: "", test: ') + columns
    assert cell_len(source[: source.index("3} #")]) == mark.index("^")


def test_as_many_carets_as_the_marked_text_takes_columns(message_of) -> None:
    mark = message_of("name: x\nbase: {l2: \u624b\u624b}\n").splitlines()[2]
    assert mark.startswith("    |            ^^^^ expected")


@pytest.mark.parametrize("filling", ["1234567, ", "\u624b\u624b, ", "\U0001f44b ", "e\u0301, "])
@pytest.mark.parametrize("columns", [None, 60, 80, 200])
@pytest.mark.parametrize(("before", "after"), [(0, 90), (90, 0), (90, 90), (3, 3)])
def test_the_place_is_in_the_part_of_a_line_that_is_shown(
    error_of, filling: str, columns: int | None, before: int, after: int
) -> None:
    text = f'name: x\ndata: {{train: "{filling * before}", test: -12345, x: "{filling * after}"}}\n'
    error = error_of(text)
    message = str(error if columns is None else error.within(columns))
    source, mark = re.search(r"(  2 \| .*-12345.*)\n(    \| .*\^{6})", message).groups()
    assert cell_len(source) <= min(columns or 126, 126)
    assert cell_len(source[: source.index("-12345")]) == mark.index("^")


@pytest.mark.parametrize("columns", [60, 61, 72, 80, 100])
def test_a_message_fits_the_terminal_and_no_word_of_it_is_lost(error_of, columns: int) -> None:
    error = error_of(
        "name: x\nfoo: 1\nsearch: {sampler: sobal, objective: {aggregate: average}}\n"
        "baseline: {l2: 0.5, epochs: three}\ngrid: {hidden: 5}\nmodel: {layers: many}\n"
        "seeds: [{global_seed: 1}, {global_seed: 1, epochs: 3}]\n"
    )
    message = str(error.within(columns))
    assert max(map(cell_len, message.splitlines())) <= columns

    def words(text: str) -> list[str]:
        shown = re.sub(r"(?m)^ +\d+ \|.*", "", text)
        return sorted(word for word in shown.split() if word.strip("|^"))

    assert words(message) == words(str(error))


def test_a_hint_that_does_not_fit_stands_below_the_caret(error_of) -> None:
    error = error_of("name: x\nmodel: {hidden: [25, 12]}\ngrid: {l2: [0, 0.01, 0.03, 0.1, -1]}\n")
    assert str(error.within(60)) == (
        "spec.yaml:3:33: l2 is -1\n"
        "  3 | grid: {l2: [0, 0.01, 0.03, 0.1, -1]}\n"
        "    |                                 ^^\n"
        "    | expected a number from 0 to 1e38, such as 0.01"
    )


def test_errors_of_several_specs_fit_the_terminal_also_after_pickling(tmp_path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(f"name: {name}\n{'x' * 90}: 1\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_all([tmp_path / "a", tmp_path / "b"], [])
    error = pickle.loads(pickle.dumps(caught.value))
    sources = re.findall(r"(?m)^  2 \| .*", str(error.within(60)))
    assert [cell_len(line) for line in sources] == [60, 60]
    assert str(error) == str(caught.value)
