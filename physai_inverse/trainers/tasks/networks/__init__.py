"""Networks of tasks, one file each; they import torch, so nothing imports them before a training is built."""
