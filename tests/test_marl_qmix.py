"""QMIX: the mixer against another implementation and by its properties, the targets by hand, a game of two steps."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from solvers.marl.mixer import QMixer, make_mixer  # noqa: E402
from solvers.marl.policy import Policy, PolicyError, read_policy, untrained_policy, write_policy  # noqa: E402
from solvers.marl.qmix import Learner, LearnOptions  # noqa: E402
from solvers.marl.replay import Episodes  # noqa: E402
from solvers.marl.utility import UtilityNetwork  # noqa: E402


def random_mixer(seed: int) -> QMixer:
    torch.manual_seed(seed)
    return QMixer(state_size=7, slots=4, hidden=5, start_as_sum=False)


def test_mixer_equals_torchrl_for_the_same_weights():
    multiagent = pytest.importorskip("torchrl.modules.models.multiagent")
    ours = random_mixer(0)
    other = multiagent.QMixer(state_shape=(7,), mixing_embed_dim=5, n_agents=4, device="cpu")
    other.load_state_dict(ours.state_dict())
    utilities, state = torch.randn(32, 4), torch.randn(32, 7)
    expected = other.mix(utilities[..., None], state)[:, 0]
    assert torch.allclose(ours(utilities, state), expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_mixer_is_monotone_in_every_utility(seed):
    mixer = random_mixer(seed)
    utilities = torch.randn(200, 4, requires_grad=True)
    mixer(utilities, 5 * torch.randn(200, 7)).sum().backward()
    assert (utilities.grad >= 0).all()  # (9)
    assert (utilities.grad > 0).any()


def test_the_joint_greedy_action_is_each_agents_greedy_action():
    mixer, state = random_mixer(3), torch.randn(1, 7)
    values = torch.randn(4, 3)
    joint = list(itertools.product(range(3), repeat=4))
    with torch.no_grad():
        totals = torch.stack([mixer(values[range(4), list(u)][None], state)[0] for u in joint])
        greedy = mixer(values.max(1).values[None], state)[0]
    assert float(totals.max()) == pytest.approx(float(greedy))


def test_a_mixer_that_starts_as_sum_is_one():
    mixer, utilities = make_mixer("qmix", 7, 4), -torch.rand(50, 4)
    assert torch.allclose(mixer(utilities, torch.rand(50, 7)), utilities.sum(1), atol=1e-4)


def test_inactive_slots_do_not_matter():
    mixer, state = random_mixer(1), torch.randn(10, 7)
    utilities = torch.randn(10, 4)
    utilities[:, 2:] = 0.0
    padded = mixer.hyper_w_1.weight.detach().clone()
    with torch.no_grad():
        mixer.hyper_w_1.weight[10:] = torch.randn_like(padded[10:])
        changed = mixer(utilities, state)
        mixer.hyper_w_1.weight.copy_(padded)
    assert torch.allclose(changed, mixer(utilities, state))


def game(actions: np.ndarray, rewards: np.ndarray, states: np.ndarray, features: np.ndarray) -> Episodes:
    """Pack a game of two agents: actions (B, T, 2), rewards (B, T), states (B, T + 1, S), features (B, T, 2, A, F)."""
    batch, steps = rewards.shape
    rows = batch * steps * 2
    return Episodes(
        first=np.arange(batch + 1) * steps * 2,
        step=np.tile(np.repeat(np.arange(steps), 2), batch),
        slot=np.tile(np.arange(2), batch * steps),
        features=features.reshape(rows, *features.shape[3:]).astype(np.float32),
        cost=np.zeros((rows, features.shape[3]), dtype=np.float32),
        legal=np.ones((rows, features.shape[3]), dtype=bool),
        action=actions.reshape(rows),
        state=states.astype(np.float32),
        reward=rewards.astype(np.float32),
        steps=np.full(batch, steps),
        terminated=np.ones(batch, dtype=bool),
        packets=np.ones(batch, dtype=np.float32),
    )


def two_step_game() -> Episodes:
    """All joint actions of the game of Rashid et al. (2018): agent 1 picks 7 for sure, or a matrix with an 8 in it."""
    pay = {0: np.full((2, 2), 7.0), 1: np.array([[0.0, 1.0], [1.0, 8.0]])}
    actions, rewards, states, features = [], [], [], []
    for first, second in itertools.product(itertools.product(range(2), repeat=2), repeat=2):
        chosen = first[0]
        actions.append([first, second])
        rewards.append([0.0, pay[chosen][second]])
        states.append(np.eye(4)[[0, 1 + chosen, 3]])
        view = np.zeros((2, 2, 2, 12))
        for step, place in ((0, 0), (1, 1 + chosen)):
            for agent, action in itertools.product(range(2), range(2)):
                view[step, agent, action, place * 4 + agent * 2 + action] = 1.0
        features.append(view)
    return game(np.array(actions), np.array(rewards), np.array(states), np.array(features))


def solve(mixer: str, seed: int) -> tuple[list[int], float]:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    episodes = two_step_game()
    options = LearnOptions(mixer=mixer, prior="none", trace=0.0, learning_rate=1e-2, mixer_rate=1.0, target_every=20)
    learner = Learner(12, 4, 2, options)
    if mixer == "qmix":
        learner.mixer = QMixer(4, 2, 8, start_as_sum=False)
        learner.target_mixer = QMixer(4, 2, 8, start_as_sum=False)
        learner.optimizer = torch.optim.Adam(
            [*learner.utility.parameters(), *learner.mixer.parameters()], lr=options.learning_rate
        )
        learner.parameters = [*learner.utility.parameters(), *learner.mixer.parameters()]
    for _ in range(800):
        learner.update(episodes, np.arange(16))
    every = torch.from_numpy(episodes.features)
    legal = torch.ones(every.shape[:2], dtype=torch.bool)
    greedy = learner.utility(every, torch.zeros(every.shape[:2]), legal).argmax(1)
    first = greedy[(episodes.step == 0) & (episodes.slot == 0)][0]
    second = greedy[-2:].tolist()
    worth = {0: 7.0, 1: [[0.0, 1.0], [1.0, 8.0]][second[0]][second[1]]}[int(first)]
    return [int(first), *second], worth


def test_qmix_solves_the_two_step_game_that_vdn_does_not():
    assert solve("qmix", 0) == ([1, 1, 1], 8.0)
    assert solve("vdn", 0)[1] == 7.0


def test_targets_are_cut_at_termination_and_not_at_truncation():
    learner = Learner(3, 4, 2, LearnOptions(trace=0.5, discount=0.9))
    reward, onward = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[10.0, 20.0, 30.0]])
    last = torch.tensor([[False, True, False]])
    ended = learner._targets(reward, onward, last.clone(), last)
    assert ended[0, 1] == 2.0
    assert ended[0, 0] == pytest.approx(1 + 0.9 * (0.5 * 10 + 0.5 * 2))
    truncated = learner._targets(reward, onward, torch.zeros_like(last), last)
    assert truncated[0, 1] == pytest.approx(2 + 0.9 * 20)  # bootstraps, and forgets the padding after the end


@pytest.mark.parametrize("prior", ["marginal", "cost_to_go", "none"])
def test_torch_and_numpy_agree_on_what_a_policy_prefers(prior):
    from formulation.dec_pomdp import Seen, feature_names

    torch.manual_seed(0)
    count = len(feature_names("planned"))
    network = UtilityNetwork(count, 8, prior)
    torch.nn.init.normal_(network.layer_3.weight)
    torch.nn.init.normal_(network.linear.weight)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 4, count)).astype(np.float32)
    cost, marginal, legal = rng.random((40, 4)), rng.random((40, 4)), rng.random((40, 4)) < 0.8
    legal[:, 0] = True
    weights = {k: v.numpy() for k, v in network.state_dict().items() if not k.startswith("value")}
    ours = Policy(weights, "planned", prior).utilities(Seen(features, cost, marginal, legal))
    taken_off = {"marginal": marginal, "cost_to_go": cost, "none": 0 * cost}[prior]
    with torch.no_grad():
        theirs = network(*map(torch.from_numpy, (features, taken_off.astype(np.float32), legal)))
    shift = (ours - theirs.numpy())[legal]
    row = np.nonzero(legal)[0]
    for k in range(40):
        assert shift[row == k] == pytest.approx(shift[row == k][0], abs=1e-4)


def test_policy_files(tmp_path):
    path = tmp_path / "p.safetensors"
    policy = untrained_policy()
    write_policy(policy, path)
    back = read_policy(path)
    assert (back.observation, back.prior) == ("lookahead", "cost_to_go")
    assert all((back.weights[k] == v).all() for k, v in policy.weights.items())
    for value in (np.nan, np.inf, -1e8):
        weights = dict(policy.weights)
        weights["layer_2.bias"] = np.full_like(weights["layer_2.bias"], value)
        with pytest.raises(PolicyError, match=r"weights of layer_2.bias must be finite and within ±1e\+07, got"):
            Policy(weights)
    path.write_bytes(b"nonsense")
    with pytest.raises(PolicyError, match="not a safetensors file"):
        read_policy(path)
    path.write_bytes(b"0" * (1 << 20) + b"0")
    with pytest.raises(PolicyError, match="1048577 bytes, at most 1048576 are read"):
        read_policy(path)
