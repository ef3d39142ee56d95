"""The settings of TensorFlow that the speed and the bits depend on."""

import subprocess
import sys

import pytest

from signs_sweep.trainer import runtime

WIDE = "--xla_cpu_prefer_vector_width=512"
OTHERS = (
    "--xla_cpu_enable_concurrency_optimized_scheduler=false "
    "--xla_cpu_copy_insertion_use_region_analysis=true"
)
AVX512 = ("A processor", frozenset({"avx2", "avx512f"}))
OLDER = ("A processor", frozenset({"avx2"}))


@pytest.fixture
def with_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "processor", lambda: AVX512)


def test_a_process_that_trains_has_one_thread_and_is_quiet(with_avx512: None) -> None:
    environment = runtime.training_environment({"OMP_NUM_THREADS": "8", "HOME": "/home/me"})
    assert environment == {
        "HOME": "/home/me",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": f"{WIDE} {OTHERS}",
    }


def test_the_given_environment_is_not_changed(with_avx512: None) -> None:
    given = {"HOME": "/home/me"}
    runtime.training_environment(given)
    assert given == {"HOME": "/home/me"}


def test_flags_of_the_user_are_kept(with_avx512: None) -> None:
    environment = runtime.training_environment({"XLA_FLAGS": "--xla_dump_to=here"})
    assert environment["XLA_FLAGS"] == f"--xla_dump_to=here {WIDE} {OTHERS}"


def test_the_users_choice_of_vectors_wins(with_avx512: None) -> None:
    chosen = {"XLA_FLAGS": "--xla_cpu_prefer_vector_width=256"}
    flags = runtime.training_environment(chosen)["XLA_FLAGS"]
    assert flags == f"{chosen['XLA_FLAGS']} {OTHERS}"


def test_doing_it_twice_changes_nothing(with_avx512: None) -> None:
    once = runtime.training_environment({})
    assert runtime.training_environment(once) == once


def test_an_older_processor_gets_no_wide_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "processor", lambda: OLDER)
    assert runtime.training_environment({})["XLA_FLAGS"] == OTHERS


def test_a_version_that_may_not_know_a_flag_does_not_get_it(
    with_avx512: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "version", lambda _: "2.99.0")
    assert runtime.training_environment({})["XLA_FLAGS"] == WIDE


@pytest.mark.slow
def test_what_the_bits_depend_on_is_described() -> None:
    described = runtime.describe()
    expected = {"python", "tensorflow", "keras", "numpy", "device", "processor", "vectors"}
    assert expected | {"xla_flags"} <= set(described)
    assert all(isinstance(value, str) for value in described.values())


@pytest.mark.slow
def test_a_worker_has_one_thread_and_skips_what_keras_imports_for_other_uses() -> None:
    code = (
        "import sys; from signs_sweep.trainer import runtime; runtime.prepare(is_worker=True)\n"
        "names = {'pandas', 'sklearn', 'matplotlib', 'pyarrow'} & set(sys.modules); import pandas\n"
        "import tensorflow as tf; threading = tf.config.threading\n"
        "print(len(names), pandas.__name__, threading.get_intra_op_parallelism_threads(),"
        " threading.get_inter_op_parallelism_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "0 pandas 1 1\n"


@pytest.mark.slow
def test_preparing_after_tensorflow_was_used_is_not_an_error() -> None:
    import tensorflow as tf

    tf.zeros(1)
    runtime.prepare()
