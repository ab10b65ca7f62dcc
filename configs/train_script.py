"""A training that knows nothing of physai-inverse: two moons, one hidden layer, plain Python.

It takes its configuration as arguments and prints JSON lines: one after each epoch, which become curves, and one
at the end. A loss that is not finite is printed as it is.
"""

import argparse
import json
import math
import random


def moons(count: int, noise: float, source: random.Random) -> list[tuple[float, float, int]]:
    """Draw points of two half circles that reach into each other."""
    points = []
    for index in range(count):
        angle = math.pi * source.random()
        label = index % 2
        x = 1 - math.cos(angle) if label else math.cos(angle)
        y = 0.5 - math.sin(angle) if label else math.sin(angle)
        points.append((x + source.gauss(0, noise), y + source.gauss(0, noise), label))
    return points


def forward(weights: list[float], width: int, x: float, y: float) -> tuple[list[float], float]:
    """Give the hidden values and the logit."""
    hidden = [math.tanh(weights[4 * i] * x + weights[4 * i + 1] * y + weights[4 * i + 2]) for i in range(width)]
    return hidden, weights[-1] + sum(weights[4 * i + 3] * h for i, h in enumerate(hidden))


def gradient(weights: list[float], width: int, x: float, y: float, label: int) -> list[float]:
    """Give the gradient of the cross-entropy at one point."""
    hidden, logit = forward(weights, width, x, y)
    error = 1 / (1 + math.exp(-max(min(logit, 500.0), -500.0))) - label
    slopes = []
    for i, h in enumerate(hidden):
        back = error * weights[4 * i + 3] * (1 - h * h)
        slopes += [back * x, back * y, back, error * h]
    return [*slopes, error]


def evaluate(weights: list[float], width: int, points: list[tuple[float, float, int]]) -> tuple[float, float]:
    """Give mean cross-entropy and accuracy."""
    loss, right = 0.0, 0
    for x, y, label in points:
        _, logit = forward(weights, width, x, y)
        margin = logit if label else -logit
        loss += math.log1p(math.exp(-margin)) if margin > -500 else -margin
        right += margin > 0
    return loss / len(points), right / len(points)


def main() -> None:
    """Train once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], required=True)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    data = random.Random(0)  # the same points for every training
    train, validation = moons(120, 0.2, data), moons(200, 0.2, data)
    source = random.Random(given.seed)
    weights = [source.gauss(0, 1) for _ in range(4 * given.width + 1)]
    speed, square = [0.0] * len(weights), [0.0] * len(weights)
    step = 0
    for epoch in range(given.epochs):
        source.shuffle(train)
        for x, y, label in train:
            step += 1
            for i, slope in enumerate(gradient(weights, given.width, x, y, label)):
                if given.optimizer == "sgd":
                    speed[i] = given.momentum * speed[i] - given.lr * slope
                    weights[i] += speed[i]
                else:
                    speed[i] = 0.9 * speed[i] + 0.1 * slope
                    square[i] = 0.999 * square[i] + 0.001 * slope * slope
                    size = math.sqrt(square[i] / (1 - 0.999**step)) + 1e-8
                    weights[i] -= given.lr * speed[i] / (1 - 0.9**step) / size
        loss, accuracy = evaluate(weights, given.width, validation)
        print(json.dumps({"step": epoch + 1, "val_loss": loss, "val_accuracy": accuracy}), flush=True)
    print(json.dumps({"parameters": len(weights)}))


if __name__ == "__main__":
    main()
