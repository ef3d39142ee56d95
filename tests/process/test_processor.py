"""The names of kinds of processors."""

import platform
from pathlib import Path

import pytest

from signs_sweep.process import processor
from signs_sweep.process.processor import kind_here, kind_of

INFORMATION = "Model: \t\t {name}\nIRQ:   \t\t 17\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n"


@pytest.fixture
def epyc(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = frozenset({"avx", "avx2"})
    monkeypatch.setattr(processor, "processor", lambda: ("AMD EPYC 7B13", flags))


def describe(gpus: Path, *names: str) -> Path:
    """Describe graphics processors as NVIDIA's driver does."""
    for minor, name in enumerate(names):
        folder = gpus / f"0000:0{minor}:00.0"
        folder.mkdir(parents=True)
        text = INFORMATION.format(name=name, uuid=f"GPU-{minor}", minor=minor)
        (folder / "information").write_text(text, encoding="utf-8")
    return gpus


def test_a_kind_is_named_by_what_decides_the_bits(epyc: None) -> None:
    cpu = {"processor": "AMD EPYC 7B13", "vectors": "avx2", "device": "CPU", "python": "3.12"}
    assert kind_of(cpu) == kind_here() == "AMD EPYC 7B13, avx2"
    assert kind_of({**cpu, "device": "NVIDIA H200"}) == "NVIDIA H200"
    assert kind_of({"python": "3.12"}) == ""


def test_the_driver_names_the_graphics_processors(epyc: None, tmp_path: Path) -> None:
    same = describe(tmp_path / "same", "NVIDIA H200", "NVIDIA H200")
    assert kind_here("1", same) == kind_here("MIG-7", same) == "NVIDIA H200"
    mixed = describe(tmp_path / "mixed", "NVIDIA H200", "NVIDIA L4")
    assert [kind_here(gpu, mixed) for gpu in ("0", "GPU-1", "7")] == [
        *("NVIDIA H200", "NVIDIA L4", "GPU")
    ]
    assert kind_here("0", tmp_path / "none") == "GPU"


def test_a_processor_without_a_name_has_that_of_its_design(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd40\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    processor.processor.cache_clear()
    try:
        assert kind_here() == "aarch64 0x41 0xd40, baseline"
    finally:
        processor.processor.cache_clear()
