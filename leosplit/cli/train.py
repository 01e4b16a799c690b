"""``leosplit train``: the routing policy, offline."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json, SeedOption
from leosplit.cli.output import print_json, say

if TYPE_CHECKING:
    from solvers.marl.options import Epoch


def command(
    preset: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Train on its slots; repeatable.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 100,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Policy, card, checkpoint and figure.")] = Path(
        "results/train"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
    observation: Annotated[
        str, typer.Option(help="lookahead, planned (both need a shared plan) or local.")
    ] = "lookahead",
    mixer: Annotated[str, typer.Option(help="qmix, vdn or independent.")] = "qmix",
    prior: Annotated[str, typer.Option(help="marginal, cost_to_go or none.")] = "marginal",
    shaping: Annotated[str, typer.Option(help="delay, potential or none.")] = "delay",
    signal: Annotated[
        str, typer.Option(help="td, counterfactual or both: what the network learns from.")
    ] = "counterfactual",
    caution: Annotated[float, typer.Option(min=0, help="What a detour must save beyond its length, in lengths.")] = 0.0,
    slots: Annotated[int, typer.Option(min=1, help="Network slots that episodes are drawn from.")] = 32,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes an epoch.")] = 256,
    checkpoint_every: Annotated[int, typer.Option(min=1, metavar="N", help="Epochs between checkpoints.")] = 10,
    json: Json = False,
) -> None:
    """Train a routing policy on the Dec-POMDP of problem (7) by QMIX."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise typer.BadParameter("training needs PyTorch: install leosplit[marl]", param_hint="train") from None
    from leosplit.figures import draw_training, save
    from solvers.marl.checkpoint import card_of, checkpoint_path, load_checkpoint, take_checkpoint
    from solvers.marl.options import make_options, options_to_dict
    from solvers.marl.policy import write_policy
    from solvers.marl.train import Trainer

    options = make_options(
        presets=tuple(preset or ("iridium", "paper")),
        epochs=epochs,
        seed=seed,
        observation=observation,
        mixer=mixer,
        prior=prior,
        shaping=shaping,
        slots=slots,
        episodes=episodes,
        signal=signal,
        caution=caution,
    )
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    if resume:
        load_checkpoint(trainer, checkpoint_path(out))
    paths = [out / "policy.safetensors", out / "policy.json"]
    last = None
    stopped = False

    def write_best() -> None:
        write_policy(trainer.best_policy(card_of(trainer, "leosplit " + shlex.join(sys.argv[1:]))), paths[0])

    try:
        for epoch in trainer.run():
            say(_line(epoch, epochs), err=True)
            if epoch.transmission == min(known.transmission for known in trainer.history):
                write_best()
            last = take_checkpoint(trainer)
            if epoch.epoch % checkpoint_every == 0 or epoch.epoch == epochs:
                last.write(checkpoint_path(out))
        write_best()
        paths += save(draw_training(trainer.history, trainer.untrained[1] / trainer.shortest[1]), out / "training.png")
    except KeyboardInterrupt:
        stopped = True
        if last is not None:
            last.write(checkpoint_path(out))
            say(f"stopped; --resume goes on after epoch {len(last.facts['history'])}", err=True)
    if json:
        history = [vars(epoch) for epoch in trainer.history]
        files = [str(path) for path in paths if path.exists()]
        print_json({"options": options_to_dict(options), "history": history, "files": files})
    if stopped:
        raise KeyboardInterrupt
    for path in paths:
        say(f"wrote {path}", err=json)


def _line(epoch: "Epoch", epochs: int) -> str:
    """Return what is said after an epoch."""
    return (
        f"epoch {epoch.epoch}/{epochs}: delay {epoch.delay_s:.4f} s, transmission {100 * epoch.transmission:.2f} % "
        f"of shortest paths, reward {epoch.reward:.4f}, loss {epoch.loss:.3g}, {epoch.seconds:.0f} s"
    )
