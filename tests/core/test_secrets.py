"""Secrets are masked where people and services put them, and what only looks like one is left as it is."""

from __future__ import annotations

from random import Random

import pytest

from siglum.core.secret_forms import FORMS, Text
from siglum.core.secrets import MARK, mask, mask_arguments, mask_text

# Made up, and put together here so that no scanner takes this file for a leak.
AWS = "AKIA" + "Z2X4QWERTYUIOPAS"
GITHUB = "ghp" + "_" + "a1B2c3D4e5" * 4
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0In0" + "." + "dBjftJeZ4CVPmB92K27u"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\n+MIIEow\n+IBAAK\n+-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f'+aws = "{AWS}"', AWS),
        (f"+client = Github({GITHUB!r})", GITHUB),
        (f"+{JWT}", JWT),
        ("+" + PEM, "MIIEow"),
        ('+db_password = "hunter2"', "hunter2"),
        ("+    password: hunter2", "hunter2"),
        ('+  "passwd": "hunter2",', "hunter2"),
        ("+connect(user='me', password='hunter2')", "hunter2"),
        ('+os.environ["SECRET_KEY"] = "s3cr3t-and-long"', "s3cr3t-and-long"),
        ("+os.environ['API_KEY'] = b'0123456789abcdef'", "0123456789abcdef"),
        ("+export WANDB_API_KEY=0123456789abcdef", "0123456789abcdef"),
        (" DB_PASSWORD=hunter2", "hunter2"),
        ("+url = 'postgresql://me:hunter2@db.example.com/x'", "hunter2"),
        ("+headers = {'Authorization': 'Bearer abcdefgh12345678'}", "abcdefgh12345678"),
        ("+curl -H 'Authorization: Basic bWU6aHVudGVyMg=='", "bWU6aHVudGVyMg=="),
    ],
)
def test_what_is_masked(text: str, secret: str) -> None:
    masked = mask(f"--- a/x\n+++ b/x\n{text}\n+y = 1\n".encode())
    assert masked.count == 1
    assert secret.encode() not in masked.text
    assert MARK.encode() in masked.text
    assert masked.text.endswith(b"\n+y = 1\n")
    assert mask(masked.text) == (masked.__class__(masked.text, 0))  # once is enough


@pytest.mark.parametrize(
    "text",
    [
        "+max_tokens = 512",
        '+tokenizer = "bert-base-uncased-2"',
        '+eos_token = "<|endoftext|>"',
        "+token_pattern = r'(?u)\\b\\w\\w+\\b'",
        "+password: str",
        "+password = getpass()",
        "+def login(user, password):",
        '+password = "$PASSWORD"',
        '+key = "learning_rate_0001"',
        "+API_KEY=os.environ['API_KEY']",
        '+secret = os.environ["SECRET"]',
        "+url = 'https://example.com/a:b/c@2x.png'",
        "+url = f'postgresql://{user}:{password}@{host}/x'",
        "+sha = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
        "index 83db48f..bf269f4 100644",
    ],
)
def test_what_is_left(text: str) -> None:
    assert mask(text.encode()) == mask(text.encode()).__class__(text.encode(), 0)


def test_a_command() -> None:
    command = ["python", "train.py", "--password", "hunter2", "--lr=0.1", "--api-key=0123456789abcdef", "--token",
               "--max-tokens", "4096", "db.passwd=x", f"--note={AWS}", "--pad-token", "[PAD]"]  # fmt: skip
    assert mask_arguments(command) == (
        "python", "train.py", "--password", MARK, "--lr=0.1", f"--api-key={MARK}", "--token",
        "--max-tokens", "4096", f"db.passwd={MARK}", f"--note={MARK}", "--pad-token", "[PAD]",
    )  # fmt: skip
    assert mask_text("caf\udce9 " + AWS) == f"caf\udce9 {MARK}"


UNITS = ["a", "A_", "password", "://", "eyJ", "passwd: ", "TOKEN=", " ", "'", "-----BEGIN PRIVATE KEY-----"]


@pytest.mark.parametrize("unit", UNITS)
def test_no_text_takes_long(unit: str) -> None:
    """A regular expression that goes back over the text would take hours for one of these: the time limit finds it."""
    text = (unit * (200_000 // len(unit))).encode()
    assert len(mask(text).text) > 100_000


PIECES = [
    *(AWS, GITHUB, JWT, PEM, "passw", "ord", "hunter2", "API_KEY", "api-key", "_", "x", "oauth", "://u:", "@", "{"),
    *(" = ", ": ", '"', "'", "=", "\n", "\n+", "\r\n", "Authorization", "Bearer ", "AccountKey=", "0123456789abcdef"),
    *("TOKEN", "sk_live_", "ghx"),
]


def test_nothing_is_missed_where_only_some_places_are_looked_at() -> None:
    """Masking finds what each form finds when it is tried at every place."""
    random = Random(0)
    for _ in range(2000):
        text = Text("".join(random.choices(PIECES, k=random.randrange(1, 40))).encode())
        for form in FORMS:
            places = set(form.places(text))
            assert {match.start() for match in form.pattern.finditer(text.content)} <= places, form.pattern
