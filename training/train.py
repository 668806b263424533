"""Step 2: training. `python -m training.train small --minutes 75` (again to resume after an interruption)."""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from training import load, paths, schedule
from training.batches import Batch, Data
from training.config import MODELS, ModelConfig
from training.initial import install, is_circuit, keep_constant
from training.model import Llama
from training.optim import optimizers
from training.parallel import workers
from training.probes import quick_scores

WEIGHTS = {"code": 1.0, "help": 1.0, "recall": 1.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """A run; `steps` fixes its length exactly, otherwise it lasts `minutes` of training time.

    With a teacher (the name of an exported model) the run learns its distribution instead of the text.
    """

    name: str
    model: ModelConfig
    minutes: float
    steps: int | None = None
    muon_lr: float = 0.02
    embedding_lr: float = 0.01
    norm_lr: float = 0.002
    decay: float = 0.3
    seed: int = 1
    teacher: str | None = None
    structured: bool = False
    threads: int = 2
    save_every: float = 120.0
    probe_every: float = 420.0


class Run:
    """Model, optimizers and the position in the run; everything that a checkpoint holds."""

    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.model = Llama(settings.model)
        if settings.structured:
            install(self.model)
        # Two threads that take parts of a step in turn, each with one core: a busy core delays them less than a
        # parallel loop inside every operation, which waits for its slowest thread each time.
        self.pool = workers(settings.threads)
        self.base_rates = (settings.muon_lr, settings.muon_lr, settings.embedding_lr, settings.norm_lr)
        slow = is_circuit if settings.structured else lambda name: False
        self.optimizers = optimizers(self.model, self.base_rates, slow, self.pool, settings.decay)
        self.teacher = load.from_folder(paths.export(settings.teacher)) if settings.teacher else None
        self.step, self.tokens, self.seconds = 0, 0, 0.0

    @property
    def progress(self) -> float:
        if self.settings.steps:
            return self.step / self.settings.steps
        return self.seconds / (60 * self.settings.minutes)

    def save(self, path: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "config": self.settings.model.as_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "position": (self.step, self.tokens, self.seconds),
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            groups = optimizer.state_dict()["param_groups"]  # today's settings, not those of the checkpoint
            optimizer.load_state_dict({"state": stored["state"], "param_groups": groups})
        self.step, self.tokens, self.seconds = state["position"]

    def advance(self, batches: dict[str, Batch]) -> dict[str, float]:
        """One optimizer step over a batch of each skill; the loss of each."""
        began = time.monotonic()
        parts = [(skill, part, share) for skill, batch in batches.items() for part, share in halves(batch)]
        parts.sort(key=lambda p: -p[1].ids.shape[1])
        losses = dict.fromkeys(batches, 0.0)
        for (skill, part, share), loss in zip(parts, self.pool.map(lambda p: self._backward(*p), parts), strict=True):
            losses[skill] += loss * share
            self.tokens += part.ids.numel()
        self._update()
        self.seconds += time.monotonic() - began
        return losses

    def _backward(self, skill: str, batch: Batch, share: float) -> float:
        """Adds the gradient of one part; safe from several threads, since torch locks each accumulation."""
        loss = distilled_loss(self.model, self.teacher, batch) if self.teacher else masked_loss(self.model, batch)
        (WEIGHTS[skill] * share * loss).backward()
        return loss.item()

    def _update(self) -> None:
        if self.settings.structured:
            keep_constant(self.model)
        factor = schedule.rate(self.progress, self.step)
        factors = (factor, factor * schedule.circuit_rate(self.progress), factor, factor)
        for optimizer, base, multiplier in zip(self.optimizers, self.base_rates, factors, strict=True):
            optimizer.param_groups[0]["lr"] = base * multiplier
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1


def halves(batch: Batch) -> list[tuple[Batch, float]]:
    """The batch in two parts of whole rows, if it has several, each with its share of the loss."""
    rows = batch.ids.shape[0]
    if rows == 1:
        return [(batch, 1.0)]
    cuts = (slice(0, rows // 2), slice(rows // 2, rows))
    return [(Batch(batch.ids[c], batch.labels[c]), (c.stop - c.start) / rows) for c in cuts]


def masked_loss(model: Llama, batch: Batch) -> Tensor:
    """Mean cross-entropy of the labelled positions; only those reach the output layer, which saves its cost."""
    trained = batch.labels >= 0
    return F.cross_entropy(model.logits(model(batch.ids)[trained]), batch.labels[trained])


def distilled_loss(model: Llama, teacher: Llama, batch: Batch) -> Tensor:
    """Mean KL divergence from the teacher at the labelled positions."""
    trained = batch.labels >= 0
    with torch.no_grad():
        target = F.log_softmax(teacher.logits(teacher(batch.ids)[trained]), dim=-1)
    scores = F.log_softmax(model.logits(model(batch.ids)[trained]), dim=-1)
    return F.kl_div(scores, target, reduction="batchmean", log_target=True)


def draw(data: Data, run: Run) -> dict[str, Batch]:
    """The batches of a step depend on the seed and the step only, so a resumed run sees what it would have seen."""
    rng = random.Random(f"{run.settings.seed}-{run.step}")
    current = schedule.SHORT if run.teacher else schedule.stage(run.progress)
    return {
        "code": data.code(rng, *current.code),
        "help": data.help(rng, *current.help),
        "recall": data.recall(rng, *schedule.recall_shape(current, rng)),
    }


class Log:
    """Averages the losses and appends a line every `every` steps, and for each probe."""

    def __init__(self, path: Path, every: int = 20) -> None:
        self.path, self.every = path, every
        self.sums: dict[str, float] = {}
        self.count = 0

    def losses(self, run: Run, losses: dict[str, float]) -> None:
        for skill, loss in losses.items():
            self.sums[skill] = self.sums.get(skill, 0.0) + loss
        self.count += 1
        if run.step % self.every == 0:
            self.write(run, {k: round(v / self.count, 4) for k, v in self.sums.items()})
            self.sums, self.count = {}, 0

    def write(self, run: Run, values: dict[str, float]) -> None:
        line = json.dumps({"step": run.step, "tokens": run.tokens, "minutes": round(run.seconds / 60, 2), **values})
        with self.path.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


def train(settings: Settings) -> None:
    data, run, log = Data(), Run(settings), Log(paths.curve(settings.name))
    checkpoint = paths.checkpoint(settings.name)
    if checkpoint.exists():
        run.load(checkpoint)
    saved = probed = run.seconds
    while run.progress < 1:
        log.losses(run, run.advance(draw(data, run)))
        if run.seconds - saved > settings.save_every:
            run.save(checkpoint)
            saved = run.seconds
        if run.seconds - probed > settings.probe_every:
            log.write(run, quick_scores(run.model, data))
            probed = run.seconds
    run.save(checkpoint)
    log.write(run, quick_scores(run.model, data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--name", help="name of the run's files; the model's name if not given")
    parser.add_argument("--minutes", type=float, default=75.0, help="training time, evaluations not counted")
    parser.add_argument("--steps", type=int, help="exact number of steps instead of minutes")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--embedding-lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teacher", choices=MODELS, help="exported model to learn from")
    parser.add_argument("--unstructured", action="store_true", help="start without the lookup circuit of initial.py")
    args = parser.parse_args()
    structured = args.model == "small" and not args.unstructured
    train(
        Settings(
            args.name or args.model,
            MODELS[args.model],
            args.minutes,
            args.steps,
            args.muon_lr,
            args.embedding_lr,
            seed=args.seed,
            teacher=args.teacher,
            structured=structured,
        )
    )


if __name__ == "__main__":
    main()
