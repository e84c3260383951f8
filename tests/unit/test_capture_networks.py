"""PyTorch networks in a notebook, by a stand-in for the library."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from capture_book import Book

from nb2service.capture.entries.find import find_entries
from nb2service.errors import ContractError, EntryError

NETWORKS = """
class Tensor:
    def __init__(self, values, dtype=None):
        self.values = np.asarray(values, dtype)
    def detach(self): return self
    cpu = detach
    def numpy(self): return self.values
torch.tensor = Tensor
class Net(torch.nn.Module):
    def __init__(self, *parts): self.parts = parts
    def parameters(self): yield 1.0
    def modules(self): yield from (self, *self.parts)
    def __call__(self, x): return Tensor(x.values * 2)
class Loss(Net):
    def parameters(self): yield from ()
first = Net()
net, loss = Net(first), Loss()
X = Tensor([[1.0, 2.0], [3.0, 4.0]] * 5)
"""


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("torch")
    module.nn = ModuleType("torch.nn")  # type: ignore[attr-defined]
    module.nn.Module = type("Module", (), {})
    module.float32 = np.float32  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


@pytest.mark.usefixtures("torch")
def test_a_network_is_served_by_the_function_that_the_refusal_names() -> None:
    cells = ("import torch as th", NETWORKS.replace("torch", "th"), "net(X)")
    book = Book(*cells)
    with pytest.raises(EntryError, match=r"^net: PyTorch takes tensors") as caught:
        find_entries(book.namespace, book.notebook, book.statements)
    line = caught.value.hint.splitlines()[-1].strip()
    assert line == (
        "def predict(rows): return net(th.tensor(rows, dtype=th.float32)).detach().numpy()"
    )
    with pytest.raises(ContractError, match=r"^Cell \[2\]: net: PyTorch takes tensors") as refused:
        book.learn("net")
    assert line in refused.value.hint
    lesson = Book(*cells, line).learn("predict")
    assert (lesson.case["origin"], lesson.example.kind) == ("X, cell [3]", "array")
    assert lesson.case["instances"][0] == [1.0, 2.0]
