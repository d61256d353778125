"""The agent's orders."""

from pilot.agent import config
from pilot.agent.config import AgentConfig

CONFIG = AgentConfig(
    "p1",
    "/w",
    "/o",
    {},
    slots=3,
    cores=4,
    memory_mb=4000,
    gpus=["0/a", "1/b"],
    tags=["t"],
)


def test_orders_survive_their_journey():
    assert config.load_config(config.dump_config(CONFIG)) == CONFIG
