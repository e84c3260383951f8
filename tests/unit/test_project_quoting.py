import ast
import json
import shlex

import pytest
import yaml
from jinja2 import nodes
from markdown_it import MarkdownIt

from nb2service.project import quoting
from nb2service.project.templates import FILTERS, FOLDER, environment

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

HOSTILE = [
    "plain",
    'a"b',
    "it's",
    "$(touch x) ${HOME} `touch x`",
    "two\nlines\r\nand\ttab",
    "\\ back \\n slash\\",
    "--> <!-- /proof --> <script>alert(1)</script> &amp;",
    "| table | *bold* _it_ ~~x~~ [a](http://b) ![i](j)",
    "# heading",
    "1. list",
    "- list",
    "{{ jinja }} {% raw %}",
    '"""',
    "```\nfence",
    "\x00\x1b[31m\x7f\x85\u2028\ufeff",
    "\ud800 lone",
    "Österreich 预测 🎉",
    "",
]
each_hostile = pytest.mark.parametrize("text", HOSTILE)


def sound(text):
    return text.encode("utf-8", "replace").decode()


@each_hostile
def test_toml(text):
    assert tomllib.loads(f"value = {quoting.toml(text)}") == {"value": sound(text)}


@each_hostile
def test_yaml(text):
    assert yaml.safe_load(f"{quoting.yaml(text)}: {quoting.yaml(text)}") == {
        sound(text): sound(text)
    }
    undollared = quoting.compose(text).replace("$$", "")
    assert "$" not in undollared


@each_hostile
def test_python(text):
    for value in (text, [text, None, True, 1e-9], [{text: [text] * 20}, {}], {"a": {"b": [-1]}}):
        literal = quoting.python(value)
        assert json.loads(json.dumps(ast.literal_eval(literal))) == json.loads(
            json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        )


def test_a_long_python_literal_has_a_line_for_each_item():
    assert quoting.python([{"name": "x" * 80, "some": [1, None]}]) == (
        '[\n    {\n        "name": "' + "x" * 80 + '",\n        "some": [1, None],\n    },\n]'
    )


@each_hostile
def test_shell(text):
    assert shlex.split(quoting.shell(text)) == [text]


@each_hostile
def test_dockerfile(text):
    quoted = quoting.dockerfile(text)
    assert "\n" not in quoted
    # As BuildKit reads a double-quoted word: a backslash makes the next ", \ and $ literal.
    inner, value, position = quoted[1:-1], "", 0
    while position < len(inner):
        assert inner[position] not in '"$'
        position += inner[position] == "\\"
        value += inner[position]
        position += 1
    assert value == quoting.one_line(text)


@each_hostile
def test_comment_and_docstring(text):
    source = f'"""About {quoting.python_docstring(text)}"""\n# {quoting.comment(text)}\nx = 1\n'
    tree = ast.parse(source)
    assert [type(node) for node in tree.body] == [ast.Expr, ast.Assign]
    assert ast.literal_eval(tree.body[0].value) == "About " + quoting.one_line(text)


def render(markdown):
    return (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    )


def plain(tokens):
    return "".join(
        token.content for block in tokens for token in (block.children or []) if token.content
    )


@each_hostile
def test_markdown_text(text):
    tokens = render(quoting.markdown(text))
    kinds = {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or []
    }
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    assert plain(tokens) == quoting.one_line(text)


@each_hostile
def test_markdown_in_a_table(text):
    cells = f"{quoting.markdown(text)} | {quoting.markdown_code(text)}"
    tokens = render(f"| a | b |\n|---|---|\n| {cells} |\n")
    inner = [token for token in tokens if token.type == "inline"]
    assert [cell.content for cell in inner[:2]] == ["a", "b"]
    assert len(inner) == 4
    assert plain(inner[2:3]) == quoting.one_line(text)
    (code,) = inner[3].children
    assert code.type == "code_inline" or not text
    assert code.content.strip() == quoting.one_line(text)


@each_hostile
def test_markdown_block(text):
    tokens = render(quoting.markdown_block(text, "sh") + "\nafter")
    assert tokens[0].type == "fence"
    assert [token.type for token in tokens].count("fence") == 1


@pytest.mark.parametrize("text", ["a b", "", "a.", "os;x", "a\n"])
def test_a_name_must_be_one(text):
    with pytest.raises(ValueError, match="not a name"):
        quoting.name(text)


# Those in page/ are nbconvert's, with filters of its own.
TEMPLATES = [path for path in FOLDER.rglob("*.j2") if path.parent.name != "page"]


@pytest.mark.parametrize("template", sorted(str(p.relative_to(FOLDER)) for p in TEMPLATES))
def test_every_value_in_a_template_is_quoted(template):
    tree = environment().parse((FOLDER / template).read_text("utf-8"))
    values = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    bare = [
        node
        for node in values
        if not isinstance(node, nodes.TemplateData)
        and not (isinstance(node, nodes.Filter) and node.name in FILTERS)
    ]
    assert values
    assert not bare
