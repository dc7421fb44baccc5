"""The page of a net that was just trained."""

import copy
from collections.abc import Mapping

from experiments.descriptions import key_numbers
from experiments.net_page.page import net_page
from experiments.net_page.told import PageNet
from rnn_core.data import Prepared
from rnn_core.measures.report import Report
from rnn_core.nets.charrnn import CharRNN

NUMBERS = ("eval loss", "eval accuracy", "free running", "whole strings", "beyond it", "all right")
"""The main numbers that a page shows, by their names in the run's description."""

TEXT_CHARACTERS = 300
"""The characters of the test that a page is given."""


def page_of_training(name: str, net: CharRNN, prepared: Prepared, report: Report) -> str:
    """Return the page of a net, in HTML.

    Arguments:
        name: the name of its run.
        net: the trained net, on any device.
        prepared: what it was trained on.
        report: its measures.
    """
    if net.readout.weight.device.type != "cpu":
        net = copy.deepcopy(net).cpu()
    shown = PageNet(name, "", prepared.record, net, main_numbers(report.metrics))
    return net_page([shown], prepared.pattern, first_text(prepared))


def first_text(prepared: Prepared) -> str:
    """Return the beginning of a test, from where the net's state is zero."""
    return prepared.pattern.start_of_test(prepared.evaluation, TEXT_CHARACTERS)


def main_numbers(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the main numbers of a run that a page shows; none of a run that was not measured."""
    known = "eval_loss" in metrics and "final_train_loss" in metrics and "eval_accuracy" in metrics
    return [(name, value) for name, value in key_numbers(metrics, {}) if name in NUMBERS] if known else []
