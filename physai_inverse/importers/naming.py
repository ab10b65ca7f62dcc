"""What the name of a column says: parameter or metric, seed, duration, date, label; and which way is better.

Words are compared whole: a name is cut at everything that is no letter or digit and where capitals begin.
"""

import functools
import re


def vocabulary(text: str) -> frozenset[str]:
    """Give the words of a text."""
    return frozenset(text.split())


METRIC = vocabulary(
    "loss losses acc accuracy err error errors mse rmse mae mape nll ppl perplexity logloss bleu rouge f1 auc "
    "auroc auprc ap precision recall r2 score reward return returns objective value fitness metric result "
    "results output bpb ce fid psnr ssim iou miou dice kl elbo likelihood wer cer top1 top5 map regret "
    "performance yield mrr ndcg hit rank sharpness quality throughput"
)
PARAMETER = vocabulary(
    "lr learning decay wd momentum dropout batch bs width depth layer layers units hidden heads head dim dims "
    "optimizer optim activation act schedule scheduler warmup beta beta1 beta2 betas eps epsilon alpha gamma "
    "lambda eta temperature init initializer model arch architecture dataset data epochs kernel num n max min "
    "op clip augmentation size share fraction ratio split seed instance task booster estimators leaf bins "
    "patience tokens params parameters multiplier smoothing regularization penalty solver normalization norm "
    "bias filters stride padding channels embedding context length precision dtype device steps iterations "
    "rounds degree"
)
SETTING_LAST = vocabulary(
    "weight weights scale coef coefficient coeff factor fn func function type lambda threshold margin "
    "smoothing schedule size batch split share fraction dataset set data file path dir seed interval every "
    "freq frequency steps epochs iterations patience"
)
"""As the last word they make a setting of what looks like a metric: `loss_weight`, `val_batch_size`."""
PARTS = vocabulary("val valid validation test eval dev holdout heldout train training")
HELD_OUT = vocabulary("val valid validation test eval dev holdout heldout")
BETTER_HIGH = vocabulary(
    "acc accuracy f1 auc auroc auprc ap precision recall r2 score reward return returns bleu rouge iou miou "
    "dice psnr ssim map fitness likelihood elbo top1 top5 quality throughput performance yield mrr ndcg hit"
)
BETTER_LOW = vocabulary(
    "loss losses err error errors mse rmse mae mape nll ppl perplexity logloss ce bpb fid kl wer cer regret "
    "entropy sharpness"
)
SEED = frozenset({"seed", "random_seed", "rng_seed", "random_state", "seeds", "manual_seed", "pl_seed"})
STEP = (
    "step", "_step", "global_step", "iteration", "training_iteration", "iter", "epoch", "round", "update",
)  # fmt: skip
TIME = vocabulary(
    "time total train training fit wall s sec secs seconds elapsed run runtime duration mean this iter cost"
)
NAMES = vocabulary(
    "index id run run_id trial trial_id number name uuid exp experiment experiment_id job job_id row no "
    "run_name trial_name experiment_tag config_id date created created_at timestamp datetime started finished "
    "start_time end_time datetime_start datetime_complete start end user host hostname notes tags comment pid "
    "node_ip artifact_uri logdir path checkpoint"
)
LABELS = frozenset({"instance", "dataset", "task", "fold", "group", "problem", "site"})
REAL = frozenset(
    {"lr", "learning", "decay", "wd", "dropout", "momentum", "alpha", "gamma", "lambda", "eta", "eps"}
)
"""Quantities that are real numbers even where every value in the table is whole."""


@functools.lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Cut a name into its words, in lower case."""
    cut = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return tuple(word.lower() for word in re.split(r"[^A-Za-z0-9]+", cut) if word)


def likeness(name: str) -> int:
    """Say whether a name is that of a metric (1), of a parameter (-1), or of neither (0)."""
    found = words(name)
    if not found:
        return 0
    if re.match(r"(steps|epochs|iterations|time|tokens)_(to|until)_", name.lower()):
        return 1
    if name.lower() in ("rank", "precision"):  # of an adapter, of floats
        return 0
    if set(found) & METRIC:
        if len(found) > 1 and found[-1] in SETTING_LAST:
            return -1
        if not (set(found) & {"precision", "rank", "map", "norm"} and set(found) & (PARAMETER - {"precision"})):
            return 1
    if set(found) & PARAMETER:
        return -1
    if found[0] in PARTS and found[-1] not in SETTING_LAST:
        return 1
    return 0


def direction(name: str) -> str | None:
    """Say which way is better, `minimize` or `maximize`; None where the name does not say."""
    found = words(name)
    if re.match(r"(steps|epochs|iterations|time|tokens)_(to|until)_", name.lower()):
        return "minimize"
    if set(found) & BETTER_LOW:
        return "minimize"
    return "maximize" if set(found) & BETTER_HIGH else None


def preference(name: str) -> tuple[int, int, int]:
    """Order metrics by how likely each is what is wanted, the likeliest first: held-out losses, then scores."""
    found = set(words(name))
    part = 0 if found & HELD_OUT else 2 if found & PARTS else 1
    kind = 0 if found & {"loss", "mse", "rmse", "logloss", "nll", "perplexity", "objective", "value"} else 1
    kind = 3 if direction(name) is None else 2 if re.match(r"\w+_(to|until)_", name) else kind
    return part if kind < 3 else 3, kind, 0


def is_seed(name: str) -> bool:
    """Whether a column of this name holds seeds."""
    return "_".join(words(name)) in SEED


def is_duration(name: str) -> bool:
    """Whether a column of this name holds the seconds that a training took."""
    found = words(name)
    if re.match(r"(steps|epochs|iterations|time|tokens)_(to|until)_", name.lower()) or "step" in found:
        return False
    if found and found[0].startswith("time") and not found[0].startswith(("timestep", "timestamp")):
        return True
    return bool(set(found) & {"time", "runtime", "duration", "seconds", "elapsed", "walltime"}) and set(found) <= (
        TIME | {"walltime"}
    )
