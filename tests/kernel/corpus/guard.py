"""What must not travel as it is: refused, masked, allowed; and what only looks like it."""

from __future__ import annotations

from .book import Ask, Book, call

# Made of parts, so that scanners of this repository find no secret in it.
GITHUB = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"
HEX = "0f8a4c1e9b7d4f2a" + "a6c35e0d1b2c3d4e"

PREDICT = """
---
predict(3)
"""

BOOKS = [
    Book(
        "a token in the code of a function",
        f"""
        def predict(x):
            # the other service asks for it
            headers = {{"Authorization": "token {GITHUB}"}}
            return x + len(headers)
        {PREDICT}
        """,
        refused=("predict holds a GitHub token (line 3)", "os.environ", "--allow predict"),
        unsaid=(GITHUB,),
    ),
    Book(
        "several things refused at once, each with its cell, chain and mend",
        f"""
        import sqlite3
        conn = sqlite3.connect(":memory:")
        ---
        API_KEY = "{HEX}"
        ---
        def fee(x):
            return x * 2 if API_KEY else conn
        def predict(x):
            return fee(x)
        {PREDICT}
        """,
        refused=(
            "2 things must not travel",
            "predict → fee → API_KEY holds an API key (line 1)",
            "predict → fee → conn is a database connection (sqlite3.Connection)",
            "service-setup",
            "    %deploy --name book --allow API_KEY",
        ),
        unsaid=(HEX,),
    ),
    Book(
        "a secret read from the environment is right",
        """
        import os
        os.environ["CHURN_TOKEN"] = "tok" + "en"
        API_TOKEN = os.environ["CHURN_TOKEN"]
        FALLBACK = os.getenv("CHURN_FALLBACK", "none")
        def predict(x):
            return x + len(API_TOKEN) + len(FALLBACK) + len(os.environ.get("CHURN_TOKEN"))
        ---
        predict(3)
        """,
        (call(),),
        present=('API_TOKEN = os.environ["CHURN_TOKEN"]', 'os.getenv("CHURN_FALLBACK", "none")'),
        unsaid=("holds",),
    ),
    Book(
        "an informed override is marked as such",
        """
        PASSWORD = "hunter2"
        def predict(x):
            return x + len(PASSWORD)
        ---
        predict(3)
        """,
        (call(),),
        line="%deploy --allow PASSWORD",
        said=("constant, allowed", "allowed: predict → PASSWORD holds a password"),
        unsaid=("hunter2",),
    ),
    Book(
        "--allow with a typing error",
        """
        PASSWORD = "hunter2"
        def predict(x):
            return x + len(PASSWORD)
        ---
        predict(3)
        """,
        line="%deploy --allow PASSWROD",
        refused=("--allow PASSWROD: nothing by that name is refused", "it is for PASSWORD"),
    ),
    Book(
        "a secret in a cell that does not travel is in no file",
        """
        password = "hunter2-of-the-lake"
        login = dict(user="ana", password="hunter2-of-the-lake")
        ---
        def predict(x):
            return x + 1
        ---
        predict(3)
        """,
        (call(),),
        said=("the notebook holds a password; in the project's copy of it stands •••",),
        nowhere=("hunter2-of-the-lake",),
    ),
    Book(
        "credentials deep inside an object",
        f"""
        class Client:
            def __init__(self, options):
                self.options = options
            def fee(self):
                return len(self.options)
        ---
        options = {{"retry": [3]}}
        options["auth"] = {{"url": "postgresql://ana:s3cret@db.corp/prod"}}
        client = Client(options)
        ---
        def predict(x):
            return x + client.fee()
        {PREDICT}
        """,
        refused=(
            "predict → client holds a connection string with a password "
            "(client.options['auth']['url'])",
        ),
        unsaid=("s3cret",),
    ),
    Book(
        "a picklable HTTP session with its headers",
        """
        import requests
        session = requests.Session()
        session.headers["X-Customer"] = "ana"
        def predict(x):
            return x + len(session.headers)
        ---
        predict(3)
        """,
        refused=(
            "predict → session is an HTTP session (requests.sessions.Session)",
            "service-setup",
            "--allow session",
        ),
    ),
    Book(
        "an open file inside a dictionary",
        """
        log = {"to": open("log.txt", "w"), "n": 1}
        def predict(x):
            return x + log["n"]
        ---
        predict(3)
        """,
        refused=("predict → log holds an open file (log['to'], a _io.TextIOWrapper)",),
    ),
    Book(
        "a pool of threads and a generator",
        """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        ids = (n for n in range(9))
        def predict(x):
            return x if x else (pool, ids)
        ---
        predict(3)
        """,
        refused=(
            "predict → pool is a pool of workers",
            "predict → ids is a generator",
            "keep its items in a list",
        ),
    ),
    Book(
        "the same connection in a service-setup cell",
        """
        # tags: service-setup
        import sqlite3
        conn = sqlite3.connect(":memory:")
        ---
        def predict(x):
            return conn.execute("select ? * 2", (x,)).fetchone()[0]
        ---
        predict(3)
        """,
        (call(),),
    ),
    Book(
        "a path of this machine that a function opens",
        """
        from pathlib import Path
        Path("rates.txt").write_text("7")
        RATES = str(Path("rates.txt").resolve())
        def predict(x):
            return x * int(open(RATES).read())
        ---
        predict(3)
        """,
        refused=("RATES names the file", "exists on this machine only", "relative"),
    ),
    Book(
        "a path that no machine has any more is only said",
        """
        SOURCE = "/home/ana/data/customers.csv"
        def predict(x):
            return x + len(SOURCE)
        ---
        predict(3)
        """,
        (call(),),
        said=("SOURCE names the path /home/ana/data/customers.csv, which no other machine has",),
    ),
    Book(
        "training rows that a function reads",
        """
        import numpy as np, pandas as pd
        from sklearn.linear_model import LinearRegression
        df = pd.DataFrame({"a": np.arange(2000.0), "b": np.arange(2000.0) % 7})
        model = LinearRegression().fit(df[["a"]], df["b"])
        def predict(x: float):
            return float(model.predict(pd.DataFrame({"a": [x - df["a"].mean()]}))[0])
        ---
        predict(3.0)
        """,
        line="%deploy predict",
        refused=(
            "predict → df is a table that the notebook trains with",
            "all its 2,000 rows",
            "give that a name of its own",
            "%deploy predict --name book --allow df",
        ),
    ),
    Book(
        "training rows of which only the columns are read stay behind",
        """
        import numpy as np, pandas as pd
        from sklearn.linear_model import LinearRegression
        X = pd.DataFrame({"area": np.arange(2000.0), "rooms_A": 0.0, "rooms_B": 1.0})
        model = LinearRegression().fit(X.to_numpy(), X["area"] * 2)
        def predict(area: float, kind: str):
            row = np.zeros(len(X.columns))
            row[0] = area
            row[list(X.columns).index(f"rooms_{kind}")] = 1
            return float(model.predict([row])[0])
        ---
        predict(3.0, "A")
        """,
        (call('predict(7.0, "B")', area=7.0, kind="B"),),
        line="%deploy predict",
        said=("DataFrame, its columns only",),
        unsaid=("rows", "!"),
    ),
    Book(
        "a lookup table passes",
        """
        import pandas as pd
        zones = pd.DataFrame({"zip": [f"{n:05d}" for n in range(900)], "zone": range(900)})
        def predict(zip: str):
            return int(zones.loc[zones["zip"] == zip, "zone"].iloc[0])
        ---
        predict("00042")
        """,
        (call('predict("00899")', zip="00899"),),
        unsaid=("rows", "holds"),
    ),
    Book(
        "a model that keeps its training rows says so in the ship list",
        """
        from sklearn.datasets import load_iris
        from sklearn.neighbors import KNeighborsClassifier
        X, y = load_iris(return_X_y=True)
        model = KNeighborsClassifier().fit(X, y)
        """,
        (Ask([[5.1, 3.5, 1.4, 0.2]], "model.predict([[5.1, 3.5, 1.4, 0.2]])"),),
        line="%deploy model",
        said=("KNeighborsClassifier, holds 150 training rows",),
        unsaid=("!",),
    ),
    Book(
        "names of passengers are said, not refused",
        """
        import pandas as pd
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        train = pd.DataFrame({
            "Name": ["Braund, Mr. Owen Harris", "Heikkinen, Miss. Laina", "Allen, Mr. Will",
                     "Moran, Mr. James"],
            "Age": [22.0, 26.0, 35.0, 54.0], "Survived": [0, 1, 0, 1]})
        X, y = train[["Name", "Age"]], train["Survived"]
        model = make_pipeline(make_column_transformer(("passthrough", ["Age"])),
                              LogisticRegression()).fit(X, y)
        """,
        (Ask([{"Name": "Ana", "Age": 30.0}],
             'model.predict(pd.DataFrame({"Name": ["Ana"], "Age": [30.0]}))'),),
        line="%deploy model",
        said=("Name looks like people's names", "--mask Name"),
    ),
    Book(
        "masked names are in no file, and the answers are true ones",
        """
        import pandas as pd
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        train = pd.DataFrame({
            "Name": ["Braund, Mr. Owen Harris", "Heikkinen, Miss. Laina", "Allen, Mr. Will",
                     "Moran, Mr. James"],
            "Fare": [7.2512, 71.2833, 8.0561, 53.1004], "Survived": [0, 1, 0, 1]})
        X, y = train[["Name", "Fare"]], train["Survived"]
        model = make_pipeline(make_column_transformer(("passthrough", ["Fare"])),
                              LogisticRegression()).fit(X, y)
        """,
        (Ask([{"Name": "Ana", "Fare": 30.0}],
             'model.predict(pd.DataFrame({"Name": ["Ana"], "Fare": [30.0]}))'),),
        line="%deploy model --mask Name --mask Fare",
        unsaid=("people's names",),
        nowhere=("Braund", "Heikkinen", "Laina", "Moran", "71.2833", "53.1004"),
    ),
    Book(
        "e-mail addresses in the examples are refused",
        """
        def predict(email: str, age: int):
            return email.split("@")[1] + str(age)
        ---
        predict("ana.lima@gmx.de", 34)
        """,
        refused=(
            "examples of predict → email holds e-mail addresses",
            "%deploy --name book --mask email",
            "--allow",
        ),
        unsaid=("ana.lima",),
    ),
    Book(
        "a masked argument",
        """
        def predict(email: str, age: int):
            return email.split("@")[1] + str(age)
        ---
        predict("ana.lima@gmx.de", 34)
        """,
        (call('predict("bo@web.de", 5)', email="bo@web.de", age=5),),
        line="%deploy --mask email",
        nowhere=("ana.lima",),
    ),
    Book(
        "card numbers that are test data of the card company",
        """
        def predict(card: str):
            return card[-4:]
        ---
        predict("4111 1111 1111 1111")
        """,
        (call('predict("5500 0000 0000 0004")', card="5500 0000 0000 0004"),),
        line="%deploy --allow card",
        said=("allowed: examples of predict → card holds payment card numbers",),
    ),
    Book(
        "--mask with a typing error",
        """
        def predict(email: str, age: int):
            return len(email) + age
        ---
        predict("ana.lima@gmx.de", 34)
        """,
        line="%deploy --mask emial",
        refused=("--mask emial: the examples have no such column", "they have email, age"),
    ),
    Book(
        "an entry that does not take made-up values",
        """
        FEES = {"basic": 1, "plus": 2}
        def predict(plan: str):
            return FEES[plan]
        ---
        predict("basic")
        """,
        line="%deploy --mask plan",
        refused=("does not take the made-up values of plan", "KeyError", "--example EXPR"),
    ),
    Book(
        "settings and keys among the data files",
        """
        import json
        def predict(x):
            return x + len(json.load(open("settings.json")))
        ---
        predict(3)
        """,
        refused=("settings.json holds a password (line 1)", "--allow settings.json"),
        files={"settings.json": '{"host": "db", "password": "hunter2"}'},
        unsaid=("hunter2",),
    ),
    Book(
        "a token in a local module",
        """
        from rates import fee
        def predict(x):
            return fee(x)
        ---
        predict(3)
        """,
        refused=("rates.py holds a GitHub token (line 2)",),
        files={"rates.py": f'def fee(x):\n    return x if "{GITHUB}" else 0\n'},
    ),
    Book(
        "nothing of a service-skip cell travels, its values neither",
        """
        def predict(x):
            return x + table[0]
        ---
        # tags: service-skip
        import numpy as np
        table = np.arange(3)
        ---
        predict(3)
        """,
        refused=("predict → table", "cell [2] is tagged service-skip", "take the tag off"),
    ),
]  # fmt: skip
