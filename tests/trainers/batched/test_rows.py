import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.rows import Feed, Order


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 35), st.integers(1, 4), st.integers(0, 99))
def test_every_epoch_shows_every_row_once(rows: int, size: int, epochs: int, seed: int) -> None:
    order = Order(rows, size, seed)
    indices = torch.zeros(epochs * order.steps_an_epoch, 40, dtype=torch.int64)
    counts = order.draw(indices)
    for epoch in range(epochs):
        steps = range(epoch * order.steps_an_epoch, (epoch + 1) * order.steps_an_epoch)
        assert sorted(int(row) for step in steps for row in indices[step, : counts[step]]) == list(range(rows))


def test_an_order_is_that_of_a_split_permutation_whatever_is_drawn_at_once() -> None:
    source = torch.Generator().manual_seed(7)
    expected = [part.tolist() for _ in range(3) for part in torch.split(torch.randperm(10, generator=source), 4)]
    order = Order(10, 4, 7)
    found = []
    for at_once in (2, 5, 2):
        indices = torch.zeros(at_once, 4, dtype=torch.int64)
        counts = order.draw(indices)
        found += [indices[step, : counts[step]].tolist() for step in range(at_once)]
    assert found == expected


def test_models_see_their_own_rows_in_their_own_order_also_when_others_leave() -> None:
    first, second = torch.arange(10.0), torch.arange(100.0, 107.0)
    data = [(first,), (second,), (first,)]

    def orders() -> list[Order]:
        return [Order(10, 4, 0), Order(7, 3, 1), Order(10, None, 2)]

    def seen(feed: Feed, steps: int) -> list[list[list[float]]]:
        batches = [feed.next() for _ in range(steps)]
        return [
            [batch.tensors[0][row, : batch.counts[row]].tolist() for batch in batches]
            for row in range(len(batches[0].counts))
        ]

    device = torch.device("cpu")
    together = Feed(data, orders(), device)
    before = seen(together, 5)
    together.keep([1, 2])
    after = seen(together, 80)
    for row in range(3):
        alone = seen(Feed([data[row]], [orders()[row]], device), 85)[0]
        assert before[row] == alone[:5]
        if row:
            assert after[row - 1] == alone[5:]


def test_rows_that_fill_up_are_masked() -> None:
    batch = Feed([(torch.arange(6.0),)] * 2, [Order(6, 2, 0), Order(6, 5, 0)], torch.device("cpu")).next()
    assert batch.counts == (2, 5)
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True, True, False, False, False], [True] * 5]


def test_what_is_padded_can_be_cropped_and_is_zero_elsewhere() -> None:
    wide, narrow = Layout({"a": (4, 3), "b": (4,), "c": ()}), Layout({"a": (2, 3), "b": (2,), "c": ()})
    own = torch.arange(1.0, 10.0)
    padded = wide.pad(own, narrow)
    assert torch.equal(wide.crop(padded, narrow), own)
    assert int((padded != 0).sum()) == len(own)
    assert wide.views(padded)["a"][:2, :3].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [tuple(view.shape) for view in wide.views(torch.zeros(5, wide.size)).values()] == [
        (5, 4, 3),
        (5, 4),
        (5,),
    ]
