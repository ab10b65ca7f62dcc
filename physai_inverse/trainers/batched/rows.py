"""Which rows of its data each model sees at each step, drawn from a stream of its own.

Every model goes through its rows in an order of its own, anew in each epoch; the last batch of an epoch may
be smaller. What a model sees therefore does not depend on what it is stacked with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

DRAWN = 64
"""Steps that are drawn at once."""


class Order:
    """The rows that one model sees.

    Args:
        rows: number of rows of its data.
        batch_size: rows a step; None, or as many as there are, for all in their order.
        seed: of its stream.
    """

    def __init__(self, rows: int, batch_size: int | None, seed: int) -> None:
        self.rows = rows
        self.full = batch_size is None or batch_size >= rows
        self.batch_size = rows if batch_size is None else min(batch_size, rows)
        self._source = torch.Generator().manual_seed(seed)
        self._waiting = torch.empty(0, self.batch_size, dtype=torch.int64)
        self._counts: list[int] = []

    @property
    def steps_an_epoch(self) -> int:
        """Number of batches in which all rows are seen once."""
        return -(-self.rows // self.batch_size)

    def draw(self, indices: torch.Tensor) -> list[int]:
        """Write the rows of the next steps.

        Args:
            indices: [steps, width] to be written, `width` at least the batch size; what is beyond stays.

        Returns:
            Number of rows in each step.
        """
        counts: list[int] = []
        while len(counts) < len(indices):
            if not self._counts:
                self._begin()
            take = min(len(self._counts), len(indices) - len(counts))
            indices[len(counts) : len(counts) + take, : self.batch_size] = self._waiting[:take]
            self._waiting = self._waiting[take:]
            counts += self._counts[:take]
            del self._counts[:take]
        return counts

    def skip(self, steps: int) -> None:
        """Pass over the rows of the next steps."""
        while steps:
            if not self._counts:
                self._begin()
            take = min(len(self._counts), steps)
            self._waiting = self._waiting[take:]
            del self._counts[:take]
            steps -= take

    def _begin(self) -> None:
        """Begin an epoch."""
        # All rows at once come in their own order: their dropout would tell another one apart.
        order = torch.arange(self.rows) if self.full else torch.randperm(self.rows, generator=self._source)
        steps = self.steps_an_epoch
        padded = order.new_zeros(steps * self.batch_size)
        padded[: self.rows] = order
        self._waiting = padded.view(steps, self.batch_size)
        self._counts = [self.batch_size] * (steps - 1) + [self.rows - (steps - 1) * self.batch_size]


@dataclass(frozen=True)
class Batch:
    """What a stack sees at one step.

    Args:
        tensors: [k, B, ...] each.
        mask: [k, B] false for rows that fill up; None where all rows count.
        counts: [k] number of rows of each model.
    """

    tensors: tuple[torch.Tensor, ...]
    mask: torch.Tensor | None
    counts: tuple[int, ...]


def filled(batches: Sequence[tuple[torch.Tensor, ...]]) -> Batch:
    """Make one batch of a stack out of one batch of each model, filled up to the longest."""
    counts = tuple(len(tensors[0]) for tensors in batches)
    width = max(counts)
    if min(counts) == width:
        return Batch(tuple(torch.stack(parts) for parts in zip(*batches, strict=True)), None, counts)
    tensors = tuple(
        torch.stack([torch.cat([part, part[:1].expand(width - len(part), *part.shape[1:])]) for part in parts])
        for parts in zip(*batches, strict=True)
    )
    device = tensors[0].device
    sizes = torch.tensor(counts, device=device)[:, None]
    return Batch(tensors, torch.arange(width, device=device) < sizes, counts)


class Feed:
    """The batches of a stack out of rows that lie in memory.

    Args:
        data: one tuple of tensors a model, [rows, ...] each; models may share the same tensors.
        orders: one a model.
        device: where the batches are wanted.
    """

    def __init__(
        self, data: Sequence[tuple[torch.Tensor, ...]], orders: Sequence[Order], device: torch.device
    ) -> None:
        self._orders, self._device = list(orders), device
        places: dict[tuple[int, ...], int] = {}
        distinct: list[tuple[torch.Tensor, ...]] = []
        starts: list[int] = []
        end = 0
        for tensors in data:
            key = tuple(id(tensor) for tensor in tensors)
            if key not in places:
                places[key] = end
                distinct.append(tensors)
                end += len(tensors[0])
            starts.append(places[key])
        joined = list(zip(*distinct, strict=True))
        self._tensors = tuple((torch.cat(parts) if len(parts) > 1 else parts[0]).to(device) for parts in joined)
        self._starts = torch.tensor(starts)
        self._indices = torch.empty(0)
        self._counts: list[tuple[int, ...]] = []
        self._next = 0
        self._whole: Batch | None = None

    def state(self, row: int) -> torch.Tensor | None:  # noqa: ARG002 - as of `Draws`
        """Give nothing: the order of a model follows from its seed and step."""
        return None

    def next(self) -> Batch:
        """Give the next step's batch."""
        if all(order.full for order in self._orders) and self._whole is not None:
            return self._whole  # of all rows, whose order does not matter
        if self._next == len(self._counts):
            self._draw()
        counts, indices = self._counts[self._next], self._indices[self._next]
        self._next += 1
        batch = self._gather(indices, counts)
        if all(order.full for order in self._orders):
            self._whole = batch
        return batch

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        chosen = torch.tensor(rows)
        self._orders = [self._orders[row] for row in rows]
        self._starts = self._starts[chosen]
        self._indices = self._indices[:, chosen.to(self._device)] if len(self._counts) else self._indices
        self._counts = [tuple(counts[row] for row in rows) for counts in self._counts]
        self._whole = None

    def _draw(self) -> None:
        width = max(order.batch_size for order in self._orders)
        steps = 1 if all(order.full for order in self._orders) else DRAWN
        indices = torch.zeros(len(self._orders), steps, width, dtype=torch.int64)
        columns = [order.draw(indices[row]) for row, order in enumerate(self._orders)]
        indices += self._starts[:, None, None]
        self._indices = indices.transpose(0, 1).to(self._device)
        self._counts = list(zip(*columns, strict=True))
        self._next = 0

    def _gather(self, indices: torch.Tensor, counts: tuple[int, ...]) -> Batch:
        width = max(counts)
        chosen = indices[:, :width]
        lead = chosen.shape
        flat = chosen.reshape(-1)
        tensors = tuple(tensor.index_select(0, flat).view(*lead, *tensor.shape[1:]) for tensor in self._tensors)
        if min(counts) == width:
            return Batch(tensors, None, counts)
        sizes = torch.tensor(counts, device=self._device)[:, None]
        return Batch(tensors, torch.arange(width, device=self._device) < sizes, counts)


class Draws:
    """The batches of a stack out of functions that make new rows at each step.

    Args:
        functions: one a model, from its stream to a tuple of tensors, whose numbers of rows may differ.
        seeds: of the streams.
        convert: brings a tensor to the device and type.
    """

    def __init__(
        self,
        functions: Sequence[Callable[[torch.Generator], tuple[torch.Tensor, ...]]],
        seeds: Sequence[int],
        convert: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self._functions, self._convert = list(functions), convert
        self._sources = [torch.Generator().manual_seed(seed) for seed in seeds]

    def state(self, row: int) -> torch.Tensor | None:
        """Give where the stream of a model stands."""
        return self._sources[row].get_state()

    def go_on(self, row: int, state: torch.Tensor) -> None:
        """Put the stream of a model where it stood."""
        self._sources[row].set_state(state)

    def next(self) -> Batch:
        """Give the next step's batch."""
        drawn = [function(source) for function, source in zip(self._functions, self._sources, strict=True)]
        batch = filled(drawn)
        mask = None if batch.mask is None else self._convert(batch.mask)
        return Batch(tuple(map(self._convert, batch.tensors)), mask, batch.counts)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        self._functions = [self._functions[row] for row in rows]
        self._sources = [self._sources[row] for row in rows]
