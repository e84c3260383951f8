"""What counts as a secret: tables of code and texts that hold one, and that only look like it."""

from __future__ import annotations

import pytest

from nb2service.capture.guard.secrets import (
    MASK,
    concealed,
    find_in_code,
    find_in_file,
    find_secrets,
    secret_named,
)

# Made of parts, so that scanners of this repository find none.
GITHUB = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"
AWS_ID = "AKIA" + "IOSFODNN7Q2WERTY"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYq2w4e6r8t0"
OPENAI = "sk-proj-" + "Ab12Cd34Ef56Gh78Ij90Kl12Mn34Op56"
HEX = "0f8a4c1e9b7d4f2aa6c35e0d1b2c3d4e"
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"

CONNECTION = "a connection string with a password"

FOUND = [
    (f'TOKEN = "{GITHUB}"', "a GitHub token"),
    (f'def f():\n    return get(url, headers={{"X": "{GITHUB}"}})', "a GitHub token"),
    (f"# export GH={GITHUB}\nx = 1", "a GitHub token"),
    (f'boto3.client("s3", aws_access_key_id="{AWS_ID}")', "an AWS access key"),
    (f'boto3.client("s3", aws_secret_access_key="{AWS_KEY}")', "an API key"),
    (f'openai.api_key = "{OPENAI}"', "an OpenAI API key"),
    (f'headers = {{"Authorization": "Bearer {HEX}"}}', "an authorization header"),
    (f'headers = {{"x-api-key": "{HEX}"}}', "an API key"),
    (f'API_KEY = "{HEX}"', "an API key"),
    (f'os.environ["API_KEY"] = "{HEX}"', "an API key"),
    (f'key = os.environ.get("API_KEY", "{HEX}")', "an API key"),
    (f'key = os.getenv("WANDB_API_KEY", "{HEX}")', "an API key"),
    (f'apiKey = "{HEX}"', "an API key"),
    (f'self.auth_token = "{HEX}"', "a token"),
    (f'client_secret: str = "{HEX}"', "a secret"),
    (f'slack = "xoxb-{"1234567890"}-abcdefghij"', "a Slack token"),
    (f'stripe.api_key = "sk_live_{"4eC39HqLyjWDarjtT1zdp7dc"}"', "a Stripe key"),
    (f'genai.configure("AIza{"SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"}")', "a Google API key"),
    (f'login("hf_{"aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"}")', "a Hugging Face token"),
    (f'jwt = "{JWT}"', "a signed web token"),
    (f'KEY = """{PEM}\nMIIEpAIBAAKCAQEA7bq\n"""', "a private key"),
    (f'KEY = "{PEM}\\nMIIEpAIBAAKCAQEA7bq\\n"', "a private key"),
    ('connect("postgresql://ana:s3cret@db.corp/prod")', CONNECTION),
    ('URL = "redis://:hunter2@cache:6379/0"', CONNECTION),
    ('requests.get("https://u:pa55@host.example/x")', CONNECTION),
    ('pyodbc.connect("Driver=x;Server=db;UID=sa;PWD=Str0ng!")', CONNECTION),
    ('connect("host=db user=ana password=rosebud dbname=x")', CONNECTION),
    ('connect(host="db", password="hunter2")', "a password"),
    ('PASSWORD = "letmein"', "a password"),
    ('db_pass = "s3cr3t!"', "a password"),
    ('def connect(user="a", *, passwd="tiger"): ...', "a password"),
    ('config = {"password": "correct horse"}', "a password"),
    ('if password == "opensesame":\n    pass', "a password"),
    ('SMTP_PWD = b"hunter2"', "a password"),
]  # fmt: skip

CLEAN = [
    'key = os.environ["API_KEY"]',
    'key = os.environ.get("API_KEY")',
    'key = os.getenv("API_KEY", "")',
    'password = getpass.getpass("Password for the database: ")',
    'token = keyring.get_password("service", "user")',
    'user = "ana"; password = os.environ["DB_PASSWORD"]',
    'url = f"postgresql://{user}:{password}@{host}/db"',
    'url = "postgresql://<user>:<password>@host/db"',
    'url = "https://host:8080/path@2x.png"',
    'API_KEY = "YOUR_API_KEY"',
    'api_key = "your-api-key-here"',
    'password = "<password>"',
    'password = "${DB_PASSWORD}"',
    'password = "********"',
    'password = ""',
    'SECRET = None',
    'PASSWORD_COLUMN = "password"',
    'columns = ["password_length", "api_key_age", "token_count"]',
    'df["password_length"] = df["password"].str.len()',
    'df = df.rename(columns={"pwd": "password"})',
    'schema = {"password": "string", "token": "category"}',
    'password_prompt = "Please enter it:"',
    'login(password="Enter your password here, then press return")',
    f'SHA256 = "{HEX * 2}"',
    f'digest = "{HEX}"',
    f'password_hash = "{HEX}"',
    f'assert md5(data).hexdigest() == "{HEX}"',
    f'commit = "{HEX}12345678"',
    f'run_id = "{HEX}"',
    'uuid = "550e8400-e29b-41d4-a716-446655440000"',
    'LOGO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"',
    'TfidfVectorizer(token_pattern=r"(?u)\\b\\w\\w+\\b")',
    'pad_token = "<pad>"; token = "hello"; unk_token = "[UNK]"; bos_token = "<|begin_of_text_12|>"',
    'tokens = ["a", "b"]; token = "don\'t"',
    'for token in "some words here".split(): pass',
    'primary_key = "customer_id"; sort_key = "date2024"; key = "a1b2c3d4e5f6g7h8"',
    'd = {"key": "value", "keyboard": "qwerty12345678"}',
    'access_key = "customer"',
    'secret_santa = {"ana": "bob"}',
    'compass = "north"; bypass = "heart"; passenger_class = "first"',
    'x = "task-force-1234567890abcdefghij"',
    'filter_ = signal.butter(3, 0.1, btype="low_pass"); low_pass = "butter"',
    'text = "The bearer of this ticket is admitted"; level = "Basic understanding"',
    'model = "hf_internal-testing/tiny-random-gpt2"',
    'if "-----BEGIN PRIVATE KEY-----" in text: pass',
    'MODEL = "sk-learn-contrib-hdbscan"; task = "sk-lowercase-only-words-here-and-there"',
    '%matplotlib inline\npassword = 3',
]  # fmt: skip


@pytest.mark.parametrize(("source", "what"), FOUND, ids=lambda item: item[:40])
def test_secrets_in_code_are_found_and_never_shown(source: str, what: str) -> None:
    found = find_in_code(source)
    assert {secret.what for secret in found} == {what}
    assert all(secret.value not in repr(secret) for secret in found)
    hidden = concealed(source, found)
    assert MASK in hidden
    assert find_in_code(hidden) == []


@pytest.mark.parametrize("source", CLEAN, ids=lambda source: source[:40])
def test_ordinary_code_holds_none(source: str) -> None:
    assert find_in_code(source) == []
    assert list(find_secrets(source)) == [] or "password" in source


def test_a_secret_has_its_line() -> None:
    source = f'def f():\n    """Doc."""\n    x = 1\n    token = "{GITHUB}"\n'
    assert [secret.line for secret in find_in_code(source)] == [4]


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        (".env", "DEBUG=1\nexport DB_PASSWORD=hunter2\n", ["a password"]),
        ("conf/settings.yaml", f"service:\n  api_key: {HEX}\n", ["an API key"]),
        ("creds.json", '{"user": "ana", "password": "hunter2"}', ["a password"]),
        ("gcp.json", f'{{"private_key": "{PEM}\\nMIIEvQIBADANB"}}', ["a private key"]),
        ("id_rsa.pem", f"{PEM}\nMIIEpAIBAAKCAQEA7bq\n", ["a private key"]),
        ("tools.py", f'def f():\n    return "{GITHUB}"\n', ["a GitHub token"]),
        ("words.txt", "password: the thing that you forget\ntoken=word\n", []),
        ("table.csv", f"name,sha\nx,{HEX}\n", []),
        ("config.yaml", "password: ${DB_PASSWORD}\nmodel:\n  token: word\n", []),
        ("config.json", '{"password_min_length": "12", "tokenizer": "bert"}', []),
    ],
)  # fmt: skip
def test_secrets_in_files(path: str, text: str, what: list[str]) -> None:
    assert list(dict.fromkeys(secret.what for secret in find_in_file(path, text.encode()))) == what


def test_key_stores_are_known_by_their_name_and_other_binaries_are_left_alone() -> None:
    assert [secret.what for secret in find_in_file("server.p12", b"\0\1")] == ["a key store"]
    assert find_in_file("model.bin", b"\0" + GITHUB.encode()) == []


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("password", "hunter2", "a password"),
        ("dbPassword", "hunter2", "a password"),
        ("db_password_2", "hunter2", "a password"),
        ("access_key", HEX, "an API key"),
        ("accessKey", HEX, "an API key"),
        ("token", HEX, "a token"),
        ("password", "password", ""),
        ("token", "word", ""),
        ("passwords", "hunter2", ""),
    ],
)
def test_names_that_tell(name: str, value: str, what: str) -> None:
    assert secret_named(name, value) == what
