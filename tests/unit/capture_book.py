"""A notebook in one process: cells that ran, and what the capture learns from them."""

from __future__ import annotations

import ast
import json
import linecache
import types
from dataclasses import dataclass
from typing import Any

from nb2service.capture.entries.find import EntryRequest, find_entries
from nb2service.capture.learning.examples import find_example
from nb2service.capture.learning.fitting import Example
from nb2service.capture.learning.learn import Learned, learn
from nb2service.notebook.cells import Cell, Notebook, read_tags
from nb2service.notebook.statements import Statement, parse_statements
from nb2service.runtime.contract import Contract, Entry, dump_contract, load_contract
from nb2service.runtime.endpoint import Endpoint
from nb2service.runtime.problems import Problem
from nb2service.runtime.replay import Replay, replay

IMPORTS = "import numpy as np\nimport pandas as pd\n"
CUSTOMERS = """
rng = np.random.default_rng(0)
n = 200
df = pd.DataFrame({
    "age": rng.integers(18, 80, n),
    "fee": rng.normal(50, 10, n),
    "plan": rng.choice(["basic", "plus"], n),
    "churn": rng.integers(0, 2, n),
})
df.loc[150, "fee"] = np.nan
X, y = df.drop(columns="churn"), df["churn"]
"""
CHURN = """
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fee"]),
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
    ),
    LogisticRegression(),
).fit(X, y)
"""


class Book:
    """Runs cells [1], [2], … as a kernel would, and asks the capture about them."""

    def __init__(self, *sources: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        cells = []
        exec(IMPORTS, self.namespace)
        for number, source in enumerate(sources, 1):
            self._run(number, source)
            cells.append(Cell(number, source, read_tags((), source, number)))
        self.notebook = Notebook(tuple(cells))
        self.statements = parse_statements(self.notebook.cells, lambda text: text)

    def _run(self, number: int, source: str) -> None:
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source)
        shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), self.namespace)
        if shown is not None:
            value = eval(
                compile(ast.Expression(shown.value), name, "eval", dont_inherit=True),
                self.namespace,
            )
            if value is not None:
                self.namespace.setdefault("Out", {})[number] = value

    def request(self, wanted: str = "predict", **bind: str) -> EntryRequest:
        [request] = find_entries(self.namespace, self.notebook, self.statements, [wanted], bind)
        return request

    def example(self, wanted: str = "predict", expression: str | None = None) -> Example:
        request = self.request(wanted)
        return find_example(request, self.namespace, self.notebook, self.statements, expression)

    def learn(self, wanted: str = "predict", expression: str | None = None) -> Lesson:
        request = self.request(wanted)
        example = find_example(request, self.namespace, self.notebook, self.statements, expression)
        bound = {**self.namespace, request.variable: request.value}
        return Lesson(learn(request, example, self.namespace), example, bound)


def parsed(*sources: str) -> tuple[Statement, ...]:
    """The statements of cells [1], [2], …, which do not run."""
    cells = [Cell(number, source) for number, source in enumerate(sources, 1)]
    return parse_statements(cells, lambda text: text)


@dataclass(frozen=True)
class Lesson:
    """What was learnt, and a service of it without HTTP."""

    learned: Learned
    example: Example
    bound: dict[str, Any]

    @property
    def entry(self) -> Entry:
        """The contract, as it comes back from contract.json."""
        contract = Contract("test", "", "", (self.learned.entry,))
        return load_contract(dump_contract(contract)).entries[0]

    @property
    def case(self) -> dict[str, Any]:
        """The case, as it comes back from its file."""
        case: dict[str, Any] = json.loads(json.dumps(self.learned.case, allow_nan=False))
        return case

    @property
    def warnings(self) -> str:
        return "\n".join(map(str, self.learned.warnings))

    def replay(self) -> Replay:
        """The case, asked again of the runtime's endpoint."""
        module = types.ModuleType("notebook")
        vars(module).update(self.bound)
        endpoint = Endpoint(self.entry, module)

        def post(path: str, body: bytes, content_type: str, accept: str) -> Any:
            try:
                answer = endpoint.answer(body, content_type, accept)
            except Problem as problem:
                return problem.status, {}, problem.to_json()
            return 200, answer.headers, answer.body

        return replay(post, self.entry, self.case)
