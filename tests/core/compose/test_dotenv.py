import pytest

from moorline.core.compose.dotenv import DotenvError, parse, parse_dotenv, parse_raw
from moorline.errors import InvalidConfig

HOST = {"HOST": "host", "BOTH": "host wins"}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("\n# only\n  # comments\n", {}),
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("A=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("exportA=1", {"exportA": "1"}),
        ("  A  =  spaced out  ", {"A": "spaced out"}),
        ("A: yaml", {"A": "yaml"}),
        ("A=", {"A": ""}),
        ("A=\nB=2", {"A": "", "B": "2"}),
        ("A=x # comment", {"A": "x"}),
        ("A=x# no comment", {"A": "x# no comment"}),
        ("A=a#b", {"A": "a#b"}),
        ("A-B.C[0]=1", {"A-B.C[0]": "1"}),
        ("1A=é", {"1A": "é"}),
        ("A=x'y'", {"A": "x'y'"}),
        ("A='single $HOST # \\' \\n'", {"A": "single $HOST # ' \\n"}),
        ('A="double $HOST \\"q\\" \\\\ \\t|\\n|"', {"A": 'double host "q" \\ \t|\n|'}),
        ('A="\\$HOST \\x"', {"A": "$HOST \\x"}),
        ("A='first\nsecond' # comment\nB=2", {"A": "first\nsecond", "B": "2"}),
        ("A=''\nB=\"\"", {"A": "", "B": ""}),
        ("A=$HOST-${NONE:-d}", {"A": "host-d"}),
        ("A=$$HOST", {"A": "$HOST"}),
        ("A=1\nB=${A}2\nA=3", {"A": "3", "B": "12"}),
        ("BOTH=file\nA=$BOTH", {"BOTH": "file", "A": "host wins"}),
        ("HOST", {"HOST": "host"}),
        ("HOST\nNONE\nA=1", {"HOST": "host", "A": "1"}),
        ("export HOST", {"HOST": "host"}),
    ],
)
def test_a_file_reads_as_compose_reads_it(text: str, variables: dict[str, str]) -> None:
    assert parse(text.encode(), HOST.get) == variables


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A=1\nA B=1", "line 2: must be NAME=value, not 'A B=1'"),
        (b"=1", "line 1: must be NAME=value, not '=1'"),
        (b"A='open\nB=1", "line 1: a quote ' without its end"),
        (b'\n\nA="open', 'line 3: a quote " without its end'),
        (b'A="x" y', "line 1: text after the closing quote"),
        (b"A=1\nB=$NONE", "line 2: variable NONE is not set"),
        (b"A=${HOST", "line 1: '${' without its '}'"),
        (b"A=1\nB=\xff", "line 2: not UTF-8"),
        (b"A=1\nB=\0", "line 2: holds a NUL byte"),
        (b"#" * (1024 * 1024 + 1), "line 1: larger than 1024 KiB"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(DotenvError) as caught:
        parse(data, HOST.get)
    assert str(caught.value).startswith(message)


def test_a_raw_file_is_taken_as_it_stands() -> None:
    data = b"# comment\nA=$HOST 'x' # y\n\n  B =  spaced\nC=\n"
    assert parse_raw(data) == {"A": "$HOST 'x' # y", "B": "  spaced", "C": ""}


@pytest.mark.parametrize("line", ["A", "=1", "A B=1"])
def test_a_raw_line_needs_a_name_and_a_value(line: str) -> None:
    with pytest.raises(DotenvError) as caught:
        parse_raw(f"X=1\n{line}\n".encode())
    assert str(caught.value) == "line 2: must be NAME=value"


def test_the_hosts_own_file_is_configuration() -> None:
    assert parse_dotenv(b"A=1\nB=${A}2\n", path="/etc/env") == {"A": "1", "B": "12"}
    with pytest.raises(InvalidConfig) as caught:
        parse_dotenv(b"A=1\nB='", path="/etc/env")
    assert str(caught.value) == "/etc/env: line 2: a quote ' without its end"
