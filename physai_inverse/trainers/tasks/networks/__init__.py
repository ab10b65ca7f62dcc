"""Networks of the tasks, one file each; they import torch, and nothing imports them before a training is built."""
