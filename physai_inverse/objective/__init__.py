"""What is wanted: one vocabulary over any recorded metrics, the same in Python, YAML and on the command line.

```
Minimize("val_loss")                     minimize: val_loss               --minimize val_loss
Maximize("accuracy")                     maximize: accuracy               --maximize accuracy
Target("rank", 20, tolerance=1)          target: rank = 20 +- 1           --target "rank = 20 +- 1"
AtMost("params", 1e5)                    where: params <= 1e5             --where "params <= 1e5"
AtLeast("accuracy", 0.9)                 where: accuracy >= 0.9           --where "accuracy >= 0.9"
Between("rank", 18, 22)                  where: 18 <= rank <= 22          --where "18 <= rank <= 22"
Minimize("loss + 0.1 * log10(params)")   minimize: loss + 0.1 * log10(params)
```

Several are joined by `&` or given as a list. Minimize, Maximize and Target are *wishes*: the more the better.
AtMost, AtLeast and Between are *limits*: met or not. A target is met within its tolerance.
"""

from physai_inverse.objective.goals import (
    AtLeast,
    AtMost,
    Between,
    Goal,
    Limit,
    Maximize,
    Minimize,
    Quantity,
    Target,
    Wish,
    edges,
    measured,
)
from physai_inverse.objective.objective import GOAL_KEYS, Objective, ObjectiveLike, as_objective, direction
from physai_inverse.objective.parsing import parse_goal

__all__ = [
    "GOAL_KEYS",
    "AtLeast",
    "AtMost",
    "Between",
    "Goal",
    "Limit",
    "Maximize",
    "Minimize",
    "Objective",
    "ObjectiveLike",
    "Quantity",
    "Target",
    "Wish",
    "as_objective",
    "direction",
    "edges",
    "measured",
    "parse_goal",
]
