r"""A report as tables for a paper in LaTeX: a fragment for `\input`."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, compress
from math import ceil
from string import ascii_lowercase
from textwrap import wrap

from signs_sweep.reporting.content import ExperimentReport, Report
from signs_sweep.reporting.tables import Column, Table, tables_of

_WIDEST = 20
"""Characters of a cell that is not broken."""

_LINE, _NARROWEST, _MOST_LINES = 80, 8, 40
"""Estimates: characters on a line, characters of a narrow cell, lines of a table on a page."""

_HEAD = r"""% Tables for \input. They need, in the preamble: \usepackage{booktabs,tabularx}
% In a document with two columns, wide tables cover both.
% A character that the usual fonts lack is set as its number. With fonts that have it, such as those
% of LuaLaTeX or XeLaTeX: \newcommand{\signscharacter}[2]{#2}
\providecommand{\signscharacter}[2]{[U+#1]}"""

_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\symbol{34}",  # Active in some languages.
    "[": "{[}",  # After a line break, it and * would be its arguments.
    "*": "{*}",
    "\u200b": r"\allowbreak{}",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u2212": "$-$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
    "\u2013": r"\textendash{}",
    "\u2014": r"\textemdash{}",
    "\u2018": r"\textquoteleft{}",
    "\u2019": r"\textquoteright{}",
    "\u201c": r"\textquotedblleft{}",
    "\u201d": r"\textquotedblright{}",
    "\u2026": r"\textellipsis{}",
    "\u00b5": r"$\mu$",
    "\u00b7": r"$\cdot$",
    "\u00b0": r"\textdegree{}",
    "\u00b2": "$^2$",
    "\u2192": r"$\rightarrow$",
    "\u221e": r"$\infty$",
    "\u00c6": r"\AE{}",
    "\u00d8": r"\O{}",
    "\u00df": r"\ss{}",
    "\u00e6": r"\ae{}",
    "\u00f8": r"\o{}",
    "\u0141": r"\L{}",
    "\u0142": r"\l{}",
}
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "mathit{o}", "pi", "rho", "varsigma", "sigma", "tau", "upsilon"),
    *("phi", "chi", "psi", "omega"),
)
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_LIGATURES = re.compile(r"([-,'])(?=\1)")
_LONG = re.compile(r"\S{21,}")
_BREAKS = re.compile(r"([^\W_]{20}|[\W_])(?=.)")


def to_latex(report: Report) -> str:
    """Return the tables of the report, to be used in a document that loads two packages."""
    blocks = [_HEAD]
    for experiment in report.experiments:
        blocks += _experiment(experiment)
    blocks.append(f"% signs-sweep {_line(report.version)}, {report.made:%Y-%m-%d %H:%M %Z}")
    return "\n\n".join(blocks) + "\n"


def _experiment(experiment: ExperimentReport) -> Iterator[str]:
    commands = (f"% {_line(each.name)}: {_line(each.value)}" for each in experiment.commands)
    yield "\n".join([f"% {_line(experiment.name)}", *commands])
    paragraphs = [
        experiment.question,
        experiment.headline,
        experiment.answer or ("" if experiment.headline else "There are no results yet."),
        *(experiment.search.text.split("\n\n") if experiment.search else ()),
        " ".join([*experiment.conditions, *experiment.notes]),
    ]
    yield from map(_escaped, filter(None, paragraphs))
    label = re.sub("[^A-Za-z0-9]+", "-", experiment.name)
    for table in tables_of(experiment):
        caption = f"{_escaped(experiment.name)}: {_escaped(table.title)}."
        yield _float(table, caption, f"tab:{label}-{table.name}")


@dataclass(frozen=True)
class _Column:
    """A column as it is set, with the letter of its note, if there is any."""

    column: Column
    letter: str

    @cached_property
    def width(self) -> int:
        return max(map(len, self.column.cells))

    @property
    def is_broken(self) -> bool:
        return self.width > _WIDEST and not self.column.is_number

    @property
    def kind(self) -> str:
        if self.column.is_number:
            return "r"
        return r">{\raggedright\arraybackslash}X" if self.is_broken else "l"

    @property
    def mark(self) -> str:
        return rf"\textsuperscript{{{self.letter}}}" if self.letter else ""

    @property
    def head(self) -> str:
        """The title, on as many lines as keep it no wider than the cells."""
        title = self.column.title
        longest = max(map(len, title.split()), default=1)
        lines = [title] if self.is_broken else wrap(title, max(self.width, longest))
        text = r"\\".join(map(_escaped, lines)) + self.mark
        return text if len(lines) < 2 else rf"\shortstack[{self.kind}]{{{text}}}"

    def cell(self, text: str) -> str:
        return _escaped(text.replace("-", "\u2212") if self.column.is_number else text)


def _float(table: Table, caption: str, label: str) -> str:
    """Return a table, below it what its columns cover."""
    letters = iter(ascii_lowercase)
    columns = [_Column(each, next(letters) if each.note else "") for each in table.columns]
    rows = _shown(table, columns)
    notes = [f"{each.mark} {_escaped(each.column.note)}" for each in columns if each.mark]
    notes += map(_escaped, table.notes)
    if left_out := len(table.rows) - len(rows):
        notes.append(f"{left_out:,} more rows are not shown.")
    is_broken = any(each.is_broken for each in columns)
    name, width = ("tabularx", r"{\linewidth}") if is_broken else ("tabular", "")
    gap = "\n\\addlinespace[2pt]\n" if is_broken else "\n"
    is_wide = is_broken or sum(each.width + 2 for each in columns) > _LINE / 2
    float_name = "table*" if is_wide else "table"
    lines = [
        rf"\begin{{{float_name}}}[htbp]",
        rf"\caption{{{caption}}}\label{{{label}}}",
        r"\smallskip\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{{name}}}{width}{{@{{}}{''.join(each.kind for each in columns)}@{{}}}}",
        r"\toprule",
        rf"{' & '.join(each.head for each in columns)} \\",
        r"\midrule",
        gap.join(" & ".join(map(_Column.cell, columns, row)) + r" \\" for row in rows),
        r"\bottomrule",
        rf"\end{{{name}}}",
        *(rf"\par\vspace{{2pt}}\raggedright {note}" for note in notes),
        rf"\end{{{float_name}}}",
    ]
    return "\n".join(lines)


def _shown(table: Table, columns: Sequence[_Column]) -> list[tuple[str, ...]]:
    """Return the first rows, as many as fit on a page, by an estimate of their lines."""
    is_broken = [each.is_broken for each in columns]
    fixed = sum(0 if each.is_broken else each.width for each in columns)
    room = max((_LINE - fixed - 2 * len(columns)) // max(sum(is_broken), 1), _NARROWEST)
    lines = accumulate(
        max(ceil(len(cell) / room) for cell in (" ", *compress(row, is_broken)))
        for row in table.rows
    )
    return table.rows[: max(1, sum(total <= _MOST_LINES for total in lines))]


def _line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Return a text on a single line, for every engine and encoding; long words may be broken."""
    text = _LONG.sub(lambda word: _BREAKS.sub("\\1\u200b", word.group()), _line(text))
    text = "".join(map(_character, unicodedata.normalize("NFC", text)))
    return _LIGATURES.sub(r"\1{}", text)


def _character(character: str) -> str:
    if character in _CHARACTERS:
        return _CHARACTERS[character]
    if character.isascii() and character.isprintable():
        return character
    number = ord(character)
    if 0 <= number - 0x3B1 < len(_GREEK):
        return f"$\\{_GREEK[number - 0x3B1]}$"
    base, *accents = list(unicodedata.normalize("NFD", character))
    if base.isascii() and len(accents) == 1 and accents[0] in _ACCENTS:
        return f"\\{_ACCENTS[accents[0]]}{{{base}}}"
    shown = character if character.isprintable() else ""
    return f"\\signscharacter{{{number:04X}}}{{{shown}}}"
