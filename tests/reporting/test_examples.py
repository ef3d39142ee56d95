"""The examples are what they claim to be."""

import examples

from signs_sweep.domain import Judgement


def test_the_small_report_has_a_clear_and_an_open_verdict_and_a_failure() -> None:
    (experiment,) = examples.small_report().experiments
    judgements = [each.verdict and each.verdict.judgement for each in experiment.settings]
    assert judgements == [None, Judgement.BETTER, Judgement.UNDECIDED]
    assert [each.setting for each in experiment.failures] == ["l2 = 1"]
