"""What one tracked run costs, beside what a user would do instead: ratios of medians, both measured in turn.

    python -m benchmarks.one_run

Times belong to one machine; the ratios carry over.
"""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import torch
import tyro
from mlflow.entities import Metric
from torch import Tensor, nn

from analysis import figures
from analysis.dynamics.projection import principal_components
from experiments.train import main as train_main
from rnn_core.config import TrainConfig
from rnn_core.training import train

PROJECT = Path(__file__).resolve().parent.parent
TEXT = "abc" * 5
EPOCHS = 500

FLOOR_SCRIPT = """
import torch
import matplotlib
import mlflow
from mlflow.entities import Metric

with mlflow.start_run() as run:
    mlflow.MlflowClient().log_batch(run.info.run_id, metrics=[Metric("train_loss", 0.1, 0, 0)])
"""
"""The least that any tracked PyTorch program with plots does."""


class LabNet(nn.Module):
    """The lab's net: nn.RNN from a zero state, and nn.Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, 16, batch_first=True)
        self.fc = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        output, _ = self.rnn(x, torch.zeros(1, x.shape[0], 16))
        logits: Tensor = self.fc(output)
        return logits


def lab_loop(epochs: int, after_epoch: Callable[[int, float, float], None] | None = None) -> tuple[LabNet, Tensor]:
    """Train with a bare loop; call `after_epoch` with each epoch's number, loss and accuracy."""
    indices = ["abc".index(character) for character in TEXT]
    x = torch.tensor(indices[:-1], dtype=torch.float32).view(1, -1, 1)
    target = torch.tensor(indices[1:])
    torch.manual_seed(42)
    net = LabNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    losses = []
    for epoch in range(epochs):
        logits = net(x).view(-1, 3)
        loss = criterion(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if after_epoch:
            after_epoch(epoch, losses[-1], (logits.argmax(-1) == target).float().mean().item())
    return net, x


def our_loop(epochs: int) -> None:
    for _ in train(TrainConfig(epochs=epochs)):
        pass


def plain_script(epochs: int) -> None:
    """Train and track as MLflow's documentation shows: the same curve, figures and model as one of our runs."""
    losses = []

    def log(epoch: int, loss: float, accuracy: float) -> None:
        losses.append(loss)
        mlflow.log_metric("train_loss", loss, step=epoch)
        mlflow.log_metric("train_accuracy", accuracy, step=epoch)

    with mlflow.start_run(run_name="plain"):
        mlflow.log_params({"pattern": "abc", "hidden_size": 16, "epochs": epochs, "learning_rate": 0.01, "seed": 42})
        net, x = lab_loop(epochs, log)
        with torch.no_grad():
            states, _ = net.rnn(x)
            predicted = "".join("abc"[index] for index in net(x)[0].argmax(-1).tolist())
        hidden_th = states[0].numpy()
        mlflow.log_figure(figures.loss_curve(losses, 0.0), "plots/loss.png")
        mlflow.log_figure(figures.predictions(TEXT[1:], predicted, 0), "plots/predictions.png")
        mlflow.log_figure(figures.first_hidden_units(hidden_th, TEXT[:-1]), "plots/hidden_states.png")
        projected = principal_components(hidden_th)
        mlflow.log_figure(figures.trajectory(*projected, TEXT[:-1]), "plots/trajectory.png")
        mlflow.log_metric("final_train_loss", losses[-1])
        mlflow.pytorch.log_model(net, name="model", input_example=x.numpy())  # the default format insists on one


def least_runs(count: int) -> None:
    """Do so many times what the least tracked run does: open a run, log one metric, and end it."""
    for _ in range(count):
        with mlflow.start_run() as run:
            mlflow.MlflowClient().log_batch(run.info.run_id, metrics=[Metric("train_loss", 0.1, 0, 0)])


def our_run(epochs: int) -> None:
    if train_main(["--epochs", str(epochs)]) != 0:
        raise RuntimeError("the tracked run failed")


def process(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Comparison:
    """Our way and what a user would do instead, with the greatest ratio that we allow ourselves."""

    name: str
    ours: Callable[[], None]
    instead: Callable[[], object]
    most: float
    repeats: int

    def row(self) -> str:
        """Run both in turn, after one of each that is not counted, and return a line of the table."""
        _seconds(self.ours)
        _seconds(self.instead)
        pairs = [(_seconds(self.ours), _seconds(self.instead)) for _ in range(self.repeats)]
        ours, instead = (statistics.median(times) for times in zip(*pairs, strict=True))
        return f"| {self.name} | {ours:.2f} s | {instead:.2f} s | {ours / instead:.3f} | {self.most:.3f} |"


def _seconds(work: Callable[[], object]) -> float:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin


@dataclass(frozen=True)
class Flags:
    """Measure one tracked run against what a user would do instead."""

    repeats: int = 5
    """Counted pairs of each comparison."""


def main() -> None:
    repeats = tyro.cli(Flags).repeats
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["PYTHONPATH"] = str(PROJECT)
        mlflow.MlflowClient().search_experiments()  # makes the store
        os.chdir(folder)
        comparisons = [
            Comparison(
                f"tracked run of {EPOCHS} epochs, in one process, against a plain script",
                lambda: our_run(EPOCHS),
                lambda: plain_script(EPOCHS),
                1 / 8,
                repeats,
            ),
            Comparison(
                "default run, whole process, against import, open, one batch, end",
                lambda: process("-m", "experiments.train"),
                lambda: process("-c", FLOOR_SCRIPT),
                1.3,
                repeats,
            ),
            Comparison(
                f"training loop alone, {EPOCHS} epochs, against a bare loop in PyTorch",
                lambda: our_loop(EPOCHS),
                lambda: lab_loop(EPOCHS),
                1.1,
                2 * repeats + 1,
            ),
        ]
        print("| what, median | ours | instead | ratio | at most |\n|---|---|---|---|---|")
        for comparison in comparisons:
            print(comparison.row(), flush=True)


if __name__ == "__main__":
    main()
