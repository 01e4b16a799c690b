"""The losses of learning against loops over episodes and steps, on random episodes that arrive or are cut short."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from solvers.marl.counterfactual import Deviations  # noqa: E402
from solvers.marl.qmix import Learner, LearnOptions  # noqa: E402
from solvers.marl.replay import Episodes  # noqa: E402

FEATURES, STATE, SLOTS, NEIGHBOURS = 5, 6, 4, 3


def drawn_episodes(seed, batch=6, horizon=5):
    """Return episodes of up to 5 steps, whose packets arrive at different steps; some end at the hop limit."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, horizon + 1, batch)
    steps[0] = horizon
    terminated = np.arange(batch) % 2 == 0
    packets = rng.integers(2, SLOTS + 1, batch)
    rows = []
    for b in range(batch):
        ends = rng.integers(1, steps[b] + 1, packets[b])  # the step before which each packet arrives
        ends[0] = steps[b]
        for t in range(steps[b] + (not terminated[b])):
            cut = t == steps[b]  # a truncated episode's packets see what prices its last step
            rows += [(b, t, p) for p in range(packets[b]) if ends[p] > t or (cut and ends[p] == steps[b])]
    count = len(rows)
    legal = rng.random((count, NEIGHBOURS)) < 0.7
    legal[np.arange(count), rng.integers(0, NEIGHBOURS, count)] = True
    action = np.array([rng.choice(np.flatnonzero(mine)) for mine in legal])
    first = np.searchsorted([b for b, _, _ in rows], np.arange(batch + 1))
    return Episodes(
        first=first,
        step=np.array([t for _, t, _ in rows]),
        slot=np.array([p for _, _, p in rows]),
        features=rng.normal(size=(count, NEIGHBOURS, FEATURES)).astype(np.float32),
        cost=rng.random((count, NEIGHBOURS)).astype(np.float32),
        legal=legal,
        action=action,
        state=rng.random((batch, horizon + 1, STATE)).astype(np.float32),
        reward=rng.normal(size=(batch, horizon)).astype(np.float32),
        steps=steps,
        terminated=terminated,
        packets=packets.astype(np.float32),
    )


def learner(seed=0, **options):
    """Return a learner whose target networks differ from its online ones."""
    torch.manual_seed(seed)
    made = Learner(FEATURES, STATE, SLOTS, LearnOptions(**{"hidden": 8, "prior": "none"} | options))
    for network in made.modules().values():
        for parameter in network.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return made


def by_loops(made, episodes, chosen):
    """Return (10) with (8), (11) and (12), one step of one episode after the other."""
    options, errors = made.options, []
    for b in chosen.tolist():
        own = range(episodes.first[b], episodes.first[b + 1])
        values = {}
        for row in own:
            seen = [
                torch.from_numpy(part[row : row + 1]) for part in (episodes.features, episodes.cost, episodes.legal)
            ]
            with torch.no_grad():
                online, target = made.utility(*seen)[0], made.target_utility(*seen)[0]
            legal = np.flatnonzero(episodes.legal[row])
            greedy = max(legal, key=lambda a, by=online if options.double else target: float(by[a]))  # (12)
            pair = float(online[episodes.action[row]]), float(target[greedy])
            values[int(episodes.step[row]), int(episodes.slot[row])] = np.array(pair) / episodes.packets[b]

        def of(t, which, values=values):
            return [values[t, p][which] if (t, p) in values else 0.0 for p in range(SLOTS)]

        def total(network, t, which, b=b, of=of):
            state = torch.log1p(torch.from_numpy(episodes.state[b : b + 1, t]))
            with torch.no_grad():
                return float(network(torch.tensor([of(t, which)], dtype=torch.float32), state))

        length = int(episodes.steps[b])
        groups = [None] if made.mixer is not None else range(SLOTS)
        for p in groups:
            share = 1.0 if p is None else 1.0 / sum((0, q) in values for q in range(SLOTS))
            after = None
            for t in reversed(range(length)):
                onward = total(made.target_mixer, t + 1, 1) if p is None else of(t + 1, 1)[p]
                onward = onward if t == length - 1 else (1 - options.trace) * onward + options.trace * after
                over = t == length - 1 and bool(episodes.terminated[b])
                after = share * float(episodes.reward[b, t]) + options.discount * (0.0 if over else onward)  # (11)
                if p is None:
                    errors.append((after - total(made.mixer, t, 0)) ** 2)
                elif (t, p) in values:
                    errors.append((after - values[t, p][0]) ** 2)
    return np.mean(errors)


@pytest.mark.parametrize("mixer", ["qmix", "vdn", "independent"])
@pytest.mark.parametrize(("trace", "discount", "double"), [(0.0, 1.0, True), (0.9, 0.95, True), (0.4, 0.8, False)])
def test_the_loss_is_that_of_every_step_alone(mixer, trace, discount, double):
    for seed in range(2):
        made = learner(seed, mixer=mixer, trace=trace, discount=discount, double=double)
        episodes = drawn_episodes(seed)
        for chosen in (np.arange(6), np.array([4, 1, 1, 3])):
            loss = float(made.loss(episodes, chosen).detach())
            assert loss == pytest.approx(by_loops(made, episodes, chosen), rel=1e-4)


def test_an_arrival_ends_what_follows_and_the_hop_limit_does_not():
    """(11): what the target networks say of the state after the last step counts where packets are still under way."""
    made, episodes = learner(1, trace=0.0), drawn_episodes(1)
    cut = episodes.steps < 5
    assert (cut & episodes.terminated).any()
    assert (cut & ~episodes.terminated).any()
    for b in np.flatnonzero(cut):
        state = episodes.state.copy()
        state[b, episodes.steps[b]] += 3.0
        one, other = (float(made.loss(of, np.array([b])).detach()) for of in (episodes, replace(episodes, state=state)))
        assert (one == other) == episodes.terminated[b]


def drawn_deviations(seed, count=40):
    rng = np.random.default_rng(seed)
    features, cost = rng.normal(size=(count, 2, FEATURES)), rng.random((count, 2))
    return Deviations(*(part.astype(np.float32) for part in (features, cost, 3 * rng.normal(size=count))))


@pytest.mark.parametrize("prior", ["none", "cost_to_go", "marginal"])
def test_the_advantage_loss_is_hubers_of_the_differences_within_their_limits(prior):
    made = learner(2, prior=prior)
    with torch.no_grad():
        for parameter in made.utility.parameters():
            parameter *= 4.0
    measured = drawn_deviations(3)
    with torch.no_grad():
        values = made.utility.advantage(torch.from_numpy(measured.features)).numpy()
    if prior != "none":
        values = values - measured.cost
    difference = values[:, 0] - values[:, 1]
    assert np.abs(difference).max() > 3.0 < np.abs(measured.advantage).max()
    error = np.clip(difference, -3.0, 3.0) - np.clip(measured.advantage, -3.0, 3.0)
    expected = np.where(np.abs(error) <= 0.5, 0.5 * error**2, 0.5 * (np.abs(error) - 0.25)).mean()
    assert float(made.advantage_loss(measured).detach()) == pytest.approx(expected, rel=1e-5)


def test_an_update_sums_its_losses_clips_their_gradient_and_copies_now_and_then():
    made, episodes, measured = learner(4, target_every=3, mixer_rate=0.25), drawn_episodes(4), drawn_deviations(4)
    chosen = np.arange(6)
    with torch.no_grad():
        both = float(made.loss(episodes, chosen) + made.advantage_loss(measured))
        parts = float(made.loss(episodes, chosen)), float(made.advantage_loss(measured))
    nothing = drawn_deviations(0, count=0)
    for given, expected in (
        ((episodes, chosen, measured), both), ((episodes, chosen), parts[0]), ((None, chosen, measured), parts[1]),
        ((episodes, chosen, nothing), parts[0]),
    ):  # fmt: skip
        fresh = learner(4, target_every=3)
        assert fresh.update(*given) == pytest.approx(expected, rel=1e-5)
    large = replace(episodes, reward=episodes.reward * 100)
    pairs = ((made.utility, made.target_utility), (made.mixer, made.target_mixer))

    def equal():
        return [all((a == b).all() for a, b in zip(*(n.parameters() for n in pair), strict=True)) for pair in pairs]

    for number in range(1, 7):
        made.update(large, chosen, measured)
        norm = torch.sqrt(sum((parameter.grad**2).sum() for parameter in made.parameters))
        assert float(norm) == pytest.approx(1.0, rel=1e-3)
        assert made.updates == number
        assert equal() == [number % 3 == 0] * 2
    assert {len(group["params"]): group["share"] for group in made.optimizer.param_groups} == {
        len(list(made.utility.parameters())): 1.0, len(list(made.mixer.parameters())): 0.25,
    }  # fmt: skip
    assert len(made.parameters) == sum(len(group["params"]) for group in made.optimizer.param_groups)


def test_independent_learners_have_no_mixer_and_copy_their_utilities():
    made = learner(5, mixer="independent", target_every=1)
    assert list(made.modules()) == ["utility", "target_utility"]
    assert made.mixer is made.target_mixer is None
    made.update(drawn_episodes(5), np.arange(6))
    assert all((a == b).all() for a, b in zip(made.utility.parameters(), made.target_utility.parameters(), strict=True))
    assert list(learner(5).modules()) == ["utility", "target_utility", "mixer", "target_mixer"]
    assert LearnOptions() == LearnOptions(
        "qmix", "marginal", 48, 1.0, 0.9, True, 5e-4, 0.03, 64, 40, "counterfactual", 256
    )


@pytest.mark.parametrize("name", ["mixer", "prior", "signal"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be one of .*, got 'other'"):
        LearnOptions(**{name: "other"})
