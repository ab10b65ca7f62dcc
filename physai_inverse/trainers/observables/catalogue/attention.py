"""Where attention goes, and what the context is good for.

Symbols: `a` [heads, n, queries, keys] attention weights, each row adding up to 1 over the keys.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View


@observable("attention", "1", cost=1, needs=("attention",))
def attention_entropy(view: "View") -> "torch.Tensor":
    """Give the entropy of attention over its largest value, mean over heads, rows and queries, in [0, 1].

    The largest is `log(i + 1)` for query `i`, as causal attention has it; query 0 is left out. Where a query sees
    later keys, too, the largest is `log(keys)`.

    Source: Zhai et al. 2023, https://arxiv.org/abs/2303.06296; variant divided by its maximum.
    """
    import torch

    a = view.attention
    queries, keys = a.shape[-2:]
    later = torch.ones(queries, keys, dtype=torch.bool, device=a.device).triu(1)
    causal = (a * later).sum() == 0
    most = torch.arange(1, queries + 1, dtype=torch.float64, device=a.device)
    most = torch.where(causal, most, float(keys)).log()
    entropies = torch.special.entr(a).sum(dim=-1)
    counted = most > 0
    found: torch.Tensor = ((entropies / torch.where(counted, most, 1.0)) * counted).sum() / (
        counted.sum() * a[..., 0, 0].numel()
    )
    return found


@observable("attention", "1", cost=1, needs=("attention",))
def sink_mass(view: "View") -> "torch.Tensor":
    """Give the attention to the first key, mean over heads, rows and all queries but the first, in [0, 1].

    Where there is one query alone, of that one.

    Source: Xiao et al. 2023, https://arxiv.org/abs/2309.17453.
    """
    masses = view.attention[..., 0]
    return masses[..., 1:].mean() if masses.shape[-1] > 1 else masses.mean()


@observable("attention", "1", cost=1, needs=("attention", "period"))
def induction_score(view: "View") -> "torch.Tensor":
    """Give the attention from a token to the one after its copies, on repeated sequences; largest over heads.

    Prefix matching: for query `i` in the second repetition or later, the summed attention to keys `i - m T + 1`
    for `m = 1, 2, ..`, with `T` the period, mean over such queries and rows.

    Source: Olsson et al. 2022, https://arxiv.org/abs/2209.11895.
    """
    import torch

    a, period = view.attention, view.period
    queries, keys = a.shape[-2:]
    i = torch.arange(queries, device=a.device).unsqueeze(1)
    j = torch.arange(keys, device=a.device).unsqueeze(0)
    distance = i - j + 1
    wanted = (distance > 0) & (distance % period == 0) & (i >= period)
    matched = (a * wanted).sum(dim=-1)[..., period:]
    return matched.mean(dim=(1, 2)).max()


@observable("attention", "loss", cost=1, needs=("labels",))
def in_context_score(view: "View") -> "torch.Tensor":
    """Give the cross-entropy at the last tenth of positions minus that at the second tenth, for sequences.

    Below 0 where more context helps; 0 for a model that is blind to position. The original takes positions 500 and
    50 of 512.

    Source: Olsson et al. 2022, https://arxiv.org/abs/2209.11895.
    """
    from physai_inverse.trainers.observables.activations import surprises
    from physai_inverse.trainers.observables.view import Missing

    scores, labels = view.outputs, view.labels
    if scores.dim() != 3 or labels.shape != scores.shape[:2] or scores.shape[1] < 3:
        raise Missing("the outputs are no scores over classes at each of three positions or more")
    losses = surprises(scores, labels).mean(dim=0)
    tenth = max(len(losses) // 10, 1)
    return losses[-tenth:].mean() - losses[tenth : 2 * tenth].mean()


@observable("attention", "loss", cost=1, needs=("places",), summary="max")
def retrieval_loss(view: "View") -> "dict[str, torch.Tensor]":
    """Give the mean loss of the rows whose answer is copied from each position; of the worst.

    Layers are the positions from 0: high in the middle is "lost in the middle". Positions that no row asks for are
    left out. Variant: of one network that is asked for all of them; the source trains one for each position.

    Source: "Sparse attention 7" (kindxiaoming.github.io); Liu et al. 2023, "Lost in the middle",
    https://arxiv.org/abs/2307.03172.
    """
    import torch

    from physai_inverse.trainers.observables.view import Missing

    losses, places = view.row_losses.double(), view.places
    if losses.shape != places.shape[:1]:
        raise Missing(f"there are losses {list(losses.shape)} for {len(places)} rows with a place each")
    asked = places.sum(dim=0)
    found = torch.where(asked > 0, losses @ places / asked.clamp(min=1), -torch.inf)
    return {str(place): found[place] for place in range(len(found))}
