"""Training with resume, the policy as a router, and the schemes that use it."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulation import Problem, check, evaluate
from instances import write_instance
from instances.generate import generate_torus
from instances.presets import make_preset
from leosplit.cli import main
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.marl.policy import Policy, untrained_policy
from solvers.marl.router import PolicyRouter
from solvers.marl.schemes import VARIANTS, bs_marl, load_policy, observations
from solvers.marl.search import Search, SearchOptions
from solvers.routing import shortest_path_router
from solvers.schemes import SchemeOptions, run_scheme


def random_policy(seed: int, observation: str) -> Policy:
    """Return a policy with weights that nobody trained: it must deliver all the same."""
    policy, rng = untrained_policy(observation, "none", 4), np.random.default_rng(seed)
    weights = {k: rng.normal(size=v.shape).astype(np.float32) for k, v in policy.weights.items()}
    return replace(policy, weights=weights)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000), observation=st.sampled_from(["local", "planned"]), rows=st.integers(2, 7),
    columns=st.integers(3, 7), passes=st.integers(1, 2),
)  # fmt: skip
def test_any_policy_delivers_every_packet(seed, observation, rows, columns, passes):
    instance = generate_torus(rows, columns, tasks=3, computing=2, seed=seed)
    packets = pack(instance, assign(instance), [0.5] * 3)
    router = PolicyRouter(instance, random_policy(seed, observation), seed=seed, passes=passes)
    routed = router(instance, packets)
    assert check(instance, routed) == ()
    assert all(d.data_path and d.model_path for d in routed.tasks)


@pytest.mark.parametrize("preset", ["iridium", "hotspot"])
def test_an_untrained_policy_with_the_prior_is_the_shortest_path(preset):
    instance = make_preset(preset, seed=5)
    packets = pack(instance, assign(instance), [0.5] * len(instance.tasks))
    routed = PolicyRouter(instance, untrained_policy("local"))(instance, packets)
    expected = evaluate(instance, shortest_path_router(instance, packets)).mean_s
    assert evaluate(instance, routed).mean_s == pytest.approx(expected, rel=1e-3)


def test_larger_unseen_cases_are_served():
    """Twice the tasks and twice the satellites of what the policy was trained on; how well, the benchmarks say."""
    for options in ({"tasks": 16, "computing": 4}, {"constellation": "D:1000:53:288/18/1", "tasks": 12}):
        instance = make_preset("paper", seed=3, **options)
        solution, trace = bs_marl(instance, load_policy(), iterations=6)
        assert check(instance, solution) == ()
        best = min(record["mean_delay_s"] for record in trace)
        assert evaluate(instance, solution).mean_s == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_feasible_and_one_seed_gives_one_result(name):
    instance = make_preset("iridium", seed=11)
    first, again = (run_scheme(instance, name, SchemeOptions(seed=3)) for _ in range(2))
    assert first.objective_s is not None, first.message
    assert first.solution == again.solution
    assert first.objective_s == pytest.approx(again.objective_s, rel=0)


def test_the_trace_tells_ratios_and_idle_times():
    result = run_scheme(make_preset("iridium", seed=2), "bs-marl")
    assert len(result.trace) == 20
    assert result.trace[0]["offload_ratio"] == [0.5] * 5
    for record in result.trace:
        for a, b in zip(record["idle_computing_s"], record["idle_remote_sensing_s"], strict=True):
            assert min(a, b) == 0
    assert result.objective_s == pytest.approx(min(record["mean_delay_s"] for record in result.trace))


def test_searches_count_their_rollouts_and_never_lose_their_best():
    instance = make_preset("hotspot", seed=4)
    search = Search(Problem(instance), assign(instance), load_policy(), SearchOptions(rounds=4, rollouts=8), seed=0)
    solution, trace = search.run()
    assert search.router.rollouts == trace[-1]["rollouts"] <= 32
    values = [record["mean_delay_s"] for record in trace]
    assert values == sorted(values, reverse=True)
    assert evaluate(instance, solution).mean_s <= values[-1] * (1 + 1e-9)


def test_descents_of_a_search_are_counted_and_never_raise_the_delay():
    instance, policy = make_preset("hotspot", seed=8), load_policy()
    plain = Search(Problem(instance), assign(instance), policy, SearchOptions(rounds=1, rollouts=4), seed=0)
    polished = Search(
        Problem(instance), assign(instance), policy, SearchOptions(rounds=1, rollouts=4, polish=1), seed=0
    )
    assert evaluate(instance, polished.run()[0]).mean_s <= evaluate(instance, plain.run()[0]).mean_s * (1 + 1e-9)
    assert (plain.descents, polished.descents) == (0, 1)
    search = Search(Problem(instance), assign(instance), policy, SearchOptions(polish=2), seed=0)
    _, trace = search.run()
    assert search.descents == trace[-1]["descents"] <= 8


def test_the_closed_form_of_a_search_is_the_evaluators():
    instance = make_preset("iridium", seed=4)
    search = Search(Problem(instance), assign(instance), load_policy(), SearchOptions(rounds=1), seed=0)
    solution, trace = search.run()
    assert evaluate(instance, solution).mean_s == pytest.approx(trace[-1]["mean_delay_s"], rel=1e-9)


def test_the_policy_option_reaches_the_schemes(tmp_path):
    from solvers.marl.policy import write_policy

    instance = make_preset("hotspot", seed=6)
    write_policy(untrained_policy("local"), tmp_path / "p.safetensors")
    routed = run_scheme(instance, "even", SchemeOptions(policy=tmp_path / "p.safetensors"))
    packets = pack(instance, assign(instance), [0.5] * 8)
    assert routed.objective_s == pytest.approx(
        evaluate(instance, shortest_path_router(instance, packets)).mean_s, rel=1e-3
    )
    write_instance(instance, tmp_path / "i.json")
    assert main(["run", str(tmp_path / "i.json"), "--scheme", "bs-marl", "--policy", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_a_search_keeps_the_rollout_that_is_least_by_its_objective(objective, monkeypatch):
    instance = make_preset("hotspot", seed=20)
    search = Search(Problem(instance, objective), assign(instance), load_policy(), SearchOptions(rounds=3), seed=0)
    seen, score = [], search.score
    monkeypatch.setattr(search, "score", lambda delay_s: (seen.append(delay_s), score(delay_s))[1])
    found = evaluate(instance, search.run()[0])
    assert len(seen) == search.router.rollouts
    keys = [(delay_s.max(), delay_s.sum()) if objective == "max" else (delay_s.sum(),) for delay_s in seen]
    mine = (found.max_s, found.mean_s * len(instance.tasks)) if objective == "max" else (found.mean_s * 8,)
    assert mine == pytest.approx(min(keys), rel=1e-9)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("marl-search")])
@pytest.mark.parametrize("objective", ["mean", "max"])
def test_searches_are_told_the_objective(name, objective, monkeypatch):
    asked = []

    def told(*arguments, **keywords):
        asked.append(arguments[0].objective)
        return Search(*arguments, **keywords)

    monkeypatch.setattr("solvers.marl.schemes.Search", told)
    instance = make_preset("iridium", seed=20)
    result = run_scheme(Problem(instance, objective), name)
    assert asked == [objective]
    assert result.objective_s == pytest.approx(evaluate(instance, result.solution).objective_s(objective), rel=1e-12)


def test_a_policy_with_tensors_of_other_shapes_is_refused(tmp_path):
    from solvers.marl.policy import PolicyError

    policy = untrained_policy("local", "none", 4)
    for name, tensor in (
        ("layer_2.weight", np.zeros((4, 5), np.float32)), ("layer_3.bias", np.zeros(2, np.float32)),
        ("linear.weight", policy.weights["linear.weight"].astype(np.float64)),
    ):  # fmt: skip
        with pytest.raises(PolicyError, match=name):
            replace(policy, weights={**policy.weights, name: tensor})


@pytest.mark.parametrize("content", [None, b"", b"no policy", "directory"])
def test_every_command_refuses_what_is_no_policy(tmp_path, capsys, content):
    path = tmp_path / "p.safetensors"
    if content == "directory":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    instance = make_preset("hotspot", seed=6)
    write_instance(instance, tmp_path / "i.json")
    file, policy = str(tmp_path / "i.json"), ["--policy", str(path)]
    study = tmp_path / "s.toml"
    study.write_text(f'schemes = ["best-response"]\nseeds = [0]\npolicy = "{path}"\n[instances]\npreset = "iridium"\n')
    for words in (
        ["run", file, "--scheme", "best-response", *policy],
        ["gap", file, "--scheme", "small", "--out", str(tmp_path / "out"), *policy],
        ["gap", file, "--problem", "routing", "--out", str(tmp_path / "out"), *policy],
        ["simulate", file, "--scheme", "bs-shortest-path", *policy],
        ["sweep", str(study), "-o", str(tmp_path / "r.db")],
    ):
        assert main(words) == 2, words
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error: ")
        assert "p.safetensors" in line
    assert not (tmp_path / "out").exists()


def test_every_scheme_says_what_its_policy_observes(tmp_path):
    from leosplit.tables import observation_note
    from solvers.marl.policy import write_policy

    assert load_policy().observation == "lookahead"
    assert load_policy(None, "local").observation == "local"
    schemes = ["even", "bs-marl", "bs-marl-local", "exact"]
    assert observations(schemes) == {"even": "lookahead", "bs-marl": "lookahead", "bs-marl-local": "local"}
    planned, local = observation_note(schemes)
    assert planned.endswith(": even, bs-marl")
    assert "shared plan" in planned
    assert local.endswith(": bs-marl-local")
    assert observation_note(["exact", "best-response"]) == []
    for kind, expected in (("local", "local"), ("planned", "planned")):
        write_policy(untrained_policy(kind), tmp_path / kind)
        assert observations(["bs-marl"], tmp_path / kind) == {"bs-marl": expected}
        assert observations(["bs-marl-local"], tmp_path / kind) == {"bs-marl-local": "local"}


@pytest.mark.parametrize(("name", "observation"), [("bs-marl", "lookahead"), ("bs-marl-local", "local")])
def test_schemes_route_by_the_policy_of_their_observation(name, observation, monkeypatch):
    used = []

    def router(instance, policy, **options):
        used.append(policy)
        return PolicyRouter(instance, policy, **options)

    monkeypatch.setattr("solvers.marl.schemes.PolicyRouter", router)
    instance = make_preset("hotspot", seed=3)
    solution = run_scheme(instance, name).solution
    policy = load_policy(None, observation)
    assert used == [policy]
    assert policy.observation == observation
    assert solution.tasks == bs_marl(instance, policy)[0].tasks


class TestTraining:
    @pytest.fixture(autouse=True)
    def _needs(self):
        pytest.importorskip("torch")

    def options(self, **changes):
        from solvers.marl.options import TrainOptions
        from solvers.marl.qmix import LearnOptions
        from solvers.marl.sampling import SampleOptions

        sample = SampleOptions(presets=("iridium",), slots=2, tasks=(2, 3))
        values = {"epochs": 4, "episodes": 12, "updates": 3, "validation": 8, "sample": sample}
        return TrainOptions(**values | {"learn": LearnOptions(batch=6)} | changes)

    def test_resuming_gives_the_same_result_as_never_stopping(self, tmp_path):
        from solvers.marl.checkpoint import load_checkpoint, take_checkpoint
        from solvers.marl.train import Trainer, train

        whole = train(self.options())
        first = Trainer(self.options())
        for _ in range(2):
            first.epoch()
        take_checkpoint(first).write(tmp_path / "c.safetensors")
        second = Trainer(self.options())
        load_checkpoint(second, tmp_path / "c.safetensors")
        list(second.run())
        for a, b in zip(whole.history, second.history, strict=True):
            assert {**asdict(a), "seconds": 0} == {**asdict(b), "seconds": 0}
        for one, other in ((whole.policy, second.policy), (whole.best_policy({}), second.best_policy({}))):
            assert all((one.weights[k] == other.weights[k]).all() for k in one.weights)
        assert whole.history[-1].loss != whole.history[0].loss

    @pytest.mark.parametrize("mixer", ["qmix", "vdn", "independent"])
    @pytest.mark.parametrize("observation", ["local", "planned"])
    def test_every_mixer_learns_from_both_observations(self, mixer, observation):
        from solvers.marl.qmix import LearnOptions
        from solvers.marl.train import train

        options = self.options(epochs=2, observation=observation, learn=LearnOptions(mixer=mixer, batch=6))
        trainer = train(options)
        assert all(np.isfinite(epoch.loss) and epoch.loss > 0 for epoch in trainer.history)
        assert np.abs(trainer.policy.weights["linear.weight"]).max() > 0

    def test_options_survive_json(self):
        from solvers.marl.options import options_from_dict, options_to_dict

        options = self.options(seed=3)
        assert options_from_dict(json.loads(json.dumps(options_to_dict(options)))) == options

    def test_the_command_trains_resumes_and_writes_its_files(self, tmp_path, capsys):
        words = ["train", "--preset", "iridium", "--epochs", "2", "--episodes", "8", "--slots", "2"]
        words += ["--out", str(tmp_path)]
        assert main([*words, "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err.count("epoch ") == 2
        assert len(json.loads(captured.out)["history"]) == 2
        card = json.loads((tmp_path / "policy.json").read_text())
        assert card["options"]["seed"] == 0
        assert card["scores"]["epoch"] in (1, 2)
        assert (tmp_path / "training.png").stat().st_size > 0
        assert main([*words, "--resume"]) == 0
        assert main([*words, "--resume", "--mixer", "vdn"]) == 2
        assert "learn must be" in capsys.readouterr().err
        assert main([*words, "--mixer", "sum"]) == 2
        assert "mixer must be one of qmix, vdn, independent" in capsys.readouterr().err

    @pytest.mark.parametrize("at", [8, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 4, 12))])
    def test_an_interrupt_anywhere_keeps_the_best_policy_and_resumes_to_the_same_bytes(
        self, at, tmp_path, capsys, monkeypatch
    ):
        """Ctrl-C in the update of this number: three make an epoch, of which there are four."""
        from solvers.marl.train import Trainer

        monkeypatch.setattr("solvers.marl.options.make_options", lambda **_: self.options())
        words = ["train", "--epochs", "4", "--checkpoint-every", "3", "--json", "--out"]
        assert main([*words, str(tmp_path / "whole")]) == 0
        history = json.loads(capsys.readouterr().out)["history"]
        update, calls = Trainer._update, []

        def pressed(trainer):
            calls.append(1)
            if len(calls) == at:
                raise KeyboardInterrupt
            return update(trainer)

        monkeypatch.setattr(Trainer, "_update", pressed)
        out, done = tmp_path / "parts", (at - 1) // 3
        assert main([*words, str(out)]) == 1
        captured = capsys.readouterr()
        assert captured.err.endswith("error: interrupted\n")
        kept = json.loads(captured.out)["history"]
        assert [{**epoch, "seconds": 0} for epoch in kept] == [{**epoch, "seconds": 0} for epoch in history[:done]]
        assert (out / "checkpoint.safetensors").exists() == (out / "policy.safetensors").exists() == (done > 0)
        if done:
            best = min(history[:done], key=lambda epoch: epoch["transmission"])
            assert json.loads((out / "policy.json").read_text())["scores"]["epoch"] == best["epoch"]
            assert f"--resume goes on after epoch {done}" in captured.err
        assert main([*words, str(out), *(["--resume"] if done else [])]) == 0
        name = "policy.safetensors"
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_solvers_import_without_torch():
    import subprocess
    import sys

    code = "import sys, solvers, solvers.marl.schemes; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "False"


def test_sweeps_and_reports_say_what_policies_observe(tmp_path, capsys):
    study = tmp_path / "s.toml"
    study.write_text('schemes = ["even", "bs-shortest-path"]\nseeds = [0]\n[instances]\ntorus = [3, 3]\ntasks = 2\n')
    assert main(["sweep", str(study), "-o", str(tmp_path / "r.db"), "--workers", "1"]) == 0
    assert "(needs a shared plan, not decentralised): even\n" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "r.db"), "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "(needs a shared plan, not decentralised): even" in page
    assert "even, bs-shortest-path" not in page.split("needs a shared plan")[1][:200]
