"""The PettingZoo face of the Dec-POMDP: a `ParallelEnv` of one episode on the batched core.

Agents are packet slots, named ``"<task's satellite>:data"`` and ``"<task's satellite>:model"``: each acts for the
satellite that holds its packet. With `observation="planned"` all slots see the plans as they stood when the step began;
the announcements within a step that the policy's own rollouts use are not part of this face.
"""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from formulation.dec_pomdp.core import RewardOptions, RoutingCore
from formulation.dec_pomdp.observation import Observer, feature_names
from formulation.dec_pomdp.packets import KINDS, packets_of
from formulation.dec_pomdp.tables import build_tables
from formulation.solution import Solution
from instances import Instance

Observation = dict[str, np.ndarray[Any, Any]]


class RoutingEnv(ParallelEnv[str, Observation, int]):  # type: ignore[misc]
    """Problem (7) as a parallel environment.

    An observation is a dictionary: `features`, shape (A, F), one row a neighbour (see `feature_names`), and
    `action_mask`, shape (A + 1,), whose last entry is `stay`. On networks with directions the actions are fore, aft,
    left, right and stay. Arrived packets stay until all have arrived, then all agents terminate; at the hop limit they
    are truncated.

    Parameters
    ----------
    instance
        The problem.
    packets
        ρ, packets and c(m) of every task; paths are ignored.
    observation
        `local` or `planned`.
    reward
        Reward and shaping.
    hop_limit
        Steps until truncation; the number of satellites by default.
    """

    metadata = {"name": "leosplit_routing_v0", "render_modes": []}  # noqa: RUF012 - PettingZoo's attribute

    def __init__(
        self,
        instance: Instance,
        packets: Solution,
        *,
        observation: str = "local",
        reward: RewardOptions | None = None,
        hop_limit: int | None = None,
    ) -> None:
        self.names = feature_names(observation)
        self.render_mode = None
        self.observation = observation
        ends = {d.satellite for d in packets.tasks} | {d.computing_satellite for d in packets.tasks}
        self.core = RoutingCore(
            build_tables(instance, sorted(ends)), packets_of(instance, packets), reward=reward, hop_limit=hop_limit
        )
        self.possible_agents = [f"{d.satellite}:{kind}" for d in packets.tasks for kind in KINDS]
        self.agents: list[str] = []
        degree = self.core.stay
        shape = (degree, len(self.names))
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "features": spaces.Box(-np.inf, np.inf, shape, np.float32),
                    "action_mask": spaces.Box(0, 1, (degree + 1,), np.int8),
                }
            )
            for agent in self.possible_agents
        }
        self.action_spaces = {agent: spaces.Discrete(degree + 1) for agent in self.possible_agents}
        self._observer = Observer(self.core, observation)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the agent's observation space, the same object each time."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the agent's action space, the same object each time."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Put every packet at its source; the seed draws the packets' priorities."""
        self.core.reset()
        rng = np.random.default_rng(seed)
        priority = rng.random(self.core.packets.shape) if seed is not None else None
        self._observer = Observer(self.core, self.observation, priority=priority)
        self.agents = list(self.possible_agents)
        return self._observe(), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Move all packets; every agent is paid the team's reward.

        A masked action is replaced by the legal one of lowest number, and the agent's info then says
        ``{"masked_action": action}``.
        """
        joint = np.array([[actions.get(agent, self.core.stay) for agent in self.possible_agents]])
        mask, slots = self.core.mask()[0], np.arange(joint.shape[1])
        refused = ~mask[slots, joint[0]]
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        for p in np.flatnonzero(refused):
            infos[self.possible_agents[p]]["masked_action"] = int(joint[0, p])
        joint = np.where(refused, mask.argmax(1), joint)
        b, moving = self.core.moving_slots()
        self._observer.announce(b, moving, joint[b, moving])
        result = self.core.step(joint)
        agents, over = self.agents, (bool(result.terminated[0]), bool(result.truncated[0]))
        observations = self._observe()
        if any(over):
            self.agents = []
        return (
            observations,
            dict.fromkeys(agents, float(result.reward[0])),
            dict.fromkeys(agents, over[0]),
            dict.fromkeys(agents, over[1]),
            infos,
        )

    def state(self) -> np.ndarray[Any, Any]:
        """Return the global state for centralised training."""
        state: np.ndarray[Any, Any] = self.core.state()[0]
        return state

    def _observe(self) -> dict[str, Observation]:
        mask = self.core.mask()[0].astype(np.int8)
        features = np.zeros((len(self.possible_agents), self.core.stay, len(self.names)), dtype=np.float32)
        b, p = self.core.moving_slots()
        if len(b):
            features[p] = self._observer.see(b, p).features
        return {
            agent: {"features": features[k], "action_mask": mask[k]}
            for k, agent in enumerate(self.possible_agents)
            if agent in self.agents
        }
