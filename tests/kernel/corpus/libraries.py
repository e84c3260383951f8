"""Where the code's modules come from, and what of them a service can have."""

from __future__ import annotations

from .book import Book, call

BOOKS = [
    Book(
        "modules that are not called as their distributions are",
        """
        import yaml
        from dateutil import parser as dates
        ---
        def predict(text):
            from markdown_it import MarkdownIt
            when = dates.parse(yaml.safe_load(text)["when"])
            return MarkdownIt().render(f"*{when:%d.%m.%Y}*")
        ---
        predict("when: '2024-05-01'")
        """,
        (call("predict('when: 1 May 2023')", text="when: 1 May 2023"),),
        pinned=("pyyaml", "python-dateutil", "markdown-it-py"),
        unpinned=("yaml", "pandas", "ipython"),
    ),
    Book(
        "a package that several distributions share",
        """
        from opentelemetry import trace
        ---
        def predict(x):
            return x + trace.get_current_span().is_recording()
        ---
        predict(1)
        """,
        (call(),),
        pinned=("opentelemetry-api",),
        unpinned=("opentelemetry-sdk",),
    ),
    Book(
        "a faster library that is not there",
        """
        try:
            import ujson_of_nobody as json
            FAST = True
        except ImportError:
            import json
            FAST = False
        ---
        def predict(x):
            try:
                import another_of_nobody as other
            except ImportError:
                other = json
            return [json.dumps({"x": x}), FAST, other.loads("[1]")]
        ---
        predict(1)
        """,
        (call(),),
    ),
    Book(
        "a folder of modules that the notebook puts on the path",
        """
        import sys
        sys.path.append("lib")
        ---
        from shouting import loud
        def predict(text):
            return loud(text)
        ---
        predict("hi")
        """,
        (call("predict('ho')", text="ho"),),
        files={
            "lib/shouting.py": "import yaml\ndef loud(text):\n    return yaml.dump(text).upper()\n"
        },
        pinned=("pyyaml",),
    ),
    Book(
        "functions of a script that the notebook runs",
        """
        %run steps.py
        ---
        def predict(x):
            return twice(x) + OFFSET
        ---
        predict(1)
        """,
        (call(),),
        files={"steps.py": "OFFSET = 1\ndef twice(x):\n    return 2 * x\n"},
    ),
    Book(
        "libraries that cells install and that nobody uses",
        """
        !true pip install seaborn
        %time import PIL.Image
        ---
        def predict(x):
            return x * 2
        ---
        predict(1)
        """,
        (call(),),
        unpinned=("seaborn", "pillow"),
    ),
    Book(
        "a module that was made while the notebook ran",
        """
        import sys, types
        made = types.ModuleType("made_up")
        exec("def twice(x):\\n    return 2 * x", vars(made))
        sys.modules["made_up"] = made
        ---
        import made_up
        def predict(x):
            return made_up.twice(x)
        ---
        predict(1)
        """,
        refused=("made_up", "was made while the notebook ran"),
    ),
    Book(
        "a module in an archive beside the notebook",
        """
        import io, sys, zipfile
        with zipfile.ZipFile("helpers.zip", "w") as archive:
            archive.writestr("zipped_helper.py", "def twice(x): return 2 * x")
        sys.path.insert(0, "helpers.zip")
        from zipped_helper import twice
        ---
        def predict(x):
            return twice(x)
        ---
        predict(1)
        """,
        refused=("zipped_helper", "in the archive helpers.zip", "unpack it"),
    ),
    Book(
        "a module of another folder of this machine",
        """
        import pathlib, sys, tempfile
        elsewhere = tempfile.mkdtemp()
        pathlib.Path(elsewhere, "faraway_helper.py").write_text("def twice(x): return 2 * x")
        sys.path.insert(0, elsewhere)
        from faraway_helper import twice
        ---
        def predict(x):
            return twice(x)
        ---
        predict(1)
        """,
        refused=("faraway_helper", "no installed distribution", "beside the notebook"),
    ),
    Book(
        "features from the hash of a text",
        """
        def predict(text: str):
            return [hash(word) % 1000 for word in text.split()]
        ---
        predict("to be or not to be")
        """,
        refused=("predict", "from process to process", "zlib.crc32"),
    ),
    Book(
        "the order of a set",
        """
        STOP = {"a", "the"}
        def predict(text: str):
            return " ".join(set(text.split()) - STOP)
        ---
        predict("the order of these many words is a matter of chance in every process")
        """,
        refused=("predict", "from process to process", "sort what comes out of a set"),
    ),
    Book(
        "a set that is sorted, and a hash that is the same everywhere",
        """
        import zlib
        def predict(text: str):
            return [zlib.crc32(word.encode()) % 1000 for word in sorted(set(text.split()))]
        ---
        predict("to be or not to be")
        """,
        (call("predict('be or not')", text="be or not"),),
    ),
]
