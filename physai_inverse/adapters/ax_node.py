"""The engine as a generation node of Ax: `use_engine(client, seed=0)`.

The node keeps nothing but its seed. Before every suggestion Ax hands it the experiment and the data, from which
its state is made, so that an experiment that was loaded from a JSON file or a database goes on as if it had never
been away. To load one in a new process, `register_engine()` must have told Ax's registries of the class;
`use_engine` does it by itself.
"""

from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.seeds import child

try:
    import ax  # noqa: F401 - whether it is there at all
except ImportError as error:
    raise MissingPackage(
        "The generation node needs Ax, which is not installed; install it with: pip install 'physai-inverse[ax]'."
    ) from error
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.types import TParameterization
from ax.exceptions.core import UnsupportedError
from ax.generation_strategy.external_generation_node import ExternalGenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY, CORE_ENCODER_REGISTRY

from physai_inverse.adapters.asking import ask
from physai_inverse.adapters.ax_trials import AxPicture

if TYPE_CHECKING:
    from ax.api.client import Client

NAME = "PhysaiInverse"


class EngineNode(ExternalGenerationNode):
    """A node that proposes by our engine, from the first trial on.

    Args:
        seed: makes suggestions repeatable.
        name: of the node in its strategy.

    Raises:
        InvalidInput: `seed` is no whole number of at least 0.
    """

    def __init__(self, seed: int = 0, name: str = NAME) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InvalidInput(f"`seed` must be a whole number of at least 0, not {seed!r}.")
        # The engine repeats a configuration only where a space is used up; Ax would give up there.
        super().__init__(name, should_deduplicate=False)
        self.seed = seed
        self._picture: AxPicture | None = None

    def update_generator_state(self, experiment: Experiment, data: Data) -> None:
        """Take the experiment as it stands."""
        self._picture = AxPicture(experiment, data)

    def get_next_candidate(self, pending_parameters: list[TParameterization]) -> TParameterization:
        """Propose the parameters of one arm, given those that are pending."""
        picture = self._picture
        assert picture is not None, "Ax calls `update_generator_state` first."
        space = picture.space
        (config,) = ask(
            space.space,
            picture.objective,
            picture.told,
            picture.waiting(pending_parameters),
            seed=child(self.seed, "ax"),
        )
        return space.write(config)

    def _gen(  # type: ignore[override]  # the arguments of Ax's own external node
        self,
        experiment: Experiment,
        data: Data | None = None,
        n: int | None = None,
        pending_observations: dict[str, list[ObservationFeatures]] | None = None,
        **generator_gen_kwargs: Any,
    ) -> GeneratorRun:
        """Refuse what the base class would silently ignore."""
        fixed = generator_gen_kwargs.get("fixed_features")
        if fixed is not None and fixed.parameters:
            raise UnsupportedError(
                f"{NAME} proposes every parameter; it cannot hold {sorted(fixed.parameters)} fixed. Attach a "
                "trial of your own with `attach_trial`, or make them fixed parameters of the experiment."
            )
        return super()._gen(
            experiment=experiment,
            data=data,
            n=n,
            pending_observations=pending_observations,
            **generator_gen_kwargs,
        )


def register_engine() -> None:
    """Tell Ax how to save and load the node, in JSON and in SQL; to be called before an experiment is loaded.

    It adds one entry to Ax's own registries, which every `Client` and `RegistryBundle` reads.
    """
    CORE_ENCODER_REGISTRY[EngineNode] = _encode
    CORE_DECODER_REGISTRY[EngineNode.__name__] = EngineNode


def _encode(node: EngineNode) -> dict[str, Any]:
    return {"__type": EngineNode.__name__, "seed": node.seed, "name": node.name}


def use_engine(client: "Client", *, seed: int = 0) -> EngineNode:
    """Make a client propose by our engine.

    Args:
        client: an Ax client whose experiment is configured; objective and trials may come before or after.
        seed: makes suggestions repeatable.

    Returns:
        The node.

    Raises:
        InvalidInput: `seed` is no whole number of at least 0.
    """
    register_engine()
    node = EngineNode(seed)
    client.set_generation_strategy(GenerationStrategy(nodes=[node], name=NAME))
    return node
