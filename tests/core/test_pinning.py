import codecs
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.image import ImageRef
from moorline.core.pinning import read_images, replace_pin
from moorline.errors import InvalidEnvironment
from tests.core.builders import digest

PATH = "environments/production.yaml"
D1, D2 = str(digest("1")), str(digest("2"))
OLD = f"ghcr.io/acme/web:1@{D1}"
NEW = ImageRef.parse(f"ghcr.io/acme/web:2@{D2}")


def pin(source: str, image: ImageRef = NEW, service: str = "web") -> str:
    return replace_pin(source.encode(), service, image, path=PATH).decode()


def refusal(source: str, service: str = "web") -> str:
    with pytest.raises(InvalidEnvironment) as caught:
        pin(source, service=service)
    return str(caught.value)


KEPT = [
    ("plain", "services:\n  web:\n    image: {}\n"),
    ("double quotes", 'services:\n  web:\n    image: "{}"\n'),
    ("single quotes", "services:\n  web:\n    image: '{}'\n"),
    (
        "comments",
        "# top\nservices:\n  web: # w\n    # before\n    image: {}   # after\n    tty: true\n",
    ),
    ("no newline at the end", "services:\n  web:\n    image: {}"),
    ("line ends of Windows", "services:\r\n  web:\r\n    image: {}\r\n    tty: true\r\n"),
    ("flow style", "services: {{web: {{image: {}, tty: true}}, db: {{image: x}}}}\n"),
    (
        "letters of several bytes before it",
        "# caf\u00e9 \u2728\nservices:\n  web:\n    image: {}\n",
    ),
    ("odd spaces", "services:\n    web:\n          image:     {}\n          tty:   true\n"),
    (
        "keys before and after",
        (
            "name: p\nservices:\n  db: {{image: a}}\n"
            "  web:\n    tty: true\n    image: {}\nvolumes: {{}}\n"
        ),
    ),
    ("quoted keys", '"services":\n  "web":\n    "image": {}\n'),
    (
        "nested things with the same names",
        (
            "x-a: {{services: {{web: {{image: no}}}}}}\n"
            "services:\n  web:\n    labels: {{image: no}}\n    image: {}\n"
        ),
    ),
    (
        "anchors elsewhere",
        "x-l: &l {{driver: local}}\nservices:\n  web:\n    logging: *l\n    image: {}\n",
    ),
    (
        "a service that others merge without its image",
        "services:\n  web: &web\n    image: {}\n  api:\n    <<: *web\n    image: other\n",
    ),
]


@pytest.mark.parametrize("template", [each[1] for each in KEPT], ids=[each[0] for each in KEPT])
def test_nothing_but_the_image_changes(template: str) -> None:
    assert pin(template.format(OLD)) == template.format(NEW)


def test_a_byte_order_mark_stays() -> None:
    source = codecs.BOM_UTF8 + f"services:\n  web:\n    image: {OLD}\n".encode()
    result = replace_pin(source, "web", NEW, path=PATH)
    assert result == source.replace(OLD.encode(), str(NEW).encode())


STYLES = [
    ("the name stays as it was written", "nginx:1.26", f"nginx:1.27@{D2}"),
    ("with its digest replaced", f"nginx:1.26@{D1}", f"nginx:1.27@{D2}"),
    ("without a tag", "nginx", f"nginx:1.27@{D2}"),
    ("spelled out", "docker.io/library/nginx:1", f"docker.io/library/nginx:1.27@{D2}"),
    ("another image", "ghcr.io/acme/web:1", f"docker.io/library/nginx:1.27@{D2}"),
    ("not an image", "TODO!", f"docker.io/library/nginx:1.27@{D2}"),
]


@pytest.mark.parametrize(
    ("written", "wanted"), [each[1:] for each in STYLES], ids=[each[0] for each in STYLES]
)
def test_the_style_of_the_name(written: str, wanted: str) -> None:
    image = ImageRef.parse(f"nginx:1.27@{D2}")
    result = pin(f"services:\n  web:\n    image: {written}\n", image)
    assert result == f"services:\n  web:\n    image: {wanted}\n"


def test_a_port_of_the_registry_is_no_tag() -> None:
    image = ImageRef.parse(f"localhost:5000/web:2@{D2}")
    result = pin("services:\n  web:\n    image: localhost:5000/web\n", image)
    assert result == f"services:\n  web:\n    image: localhost:5000/web:2@{D2}\n"


@pytest.mark.parametrize("line", ["image:", "image: ", 'image: ""', "image: # to do"])
def test_an_empty_image_is_filled_in(line: str) -> None:
    result = pin(f"services:\n  web:\n    {line}\n    tty: true\n")
    assert read_images(result.encode(), path=PATH) == {"web": str(NEW)}


def test_pinning_twice_changes_nothing() -> None:
    once = pin(f"services:\n  web:\n    image: {OLD} # x\n")
    assert pin(once) == once


REFUSED = [
    (
        "an alias",
        "x-i: &i a\nservices:\n  web:\n    image: *i\n",
        f"{PATH}:4:12: services.web.image: is the alias *i; write the image itself here",
    ),
    (
        "an anchor",
        "services:\n  web:\n    image: &i a\n  api:\n    image: *i\n",
        f"{PATH}:3:12: services.web.image: has the anchor &i; write the image without one",
    ),
    (
        "a service that is an alias",
        "x-w: &w {image: a}\nservices:\n  web: *w\n",
        f"{PATH}:3:8: services.web: is the alias *w; write the service itself here",
    ),
    (
        "a merged image",
        "x-w: &w {image: a}\nservices:\n  web:\n    <<: *w\n",
        f"{PATH}:4:5: services.web: the image comes through '<<'; write it in the service itself",
    ),
    (
        "an image that another service takes over",
        "services:\n  web: &w\n    image: a\n  api:\n    <<: *w\n",
        (
            f"{PATH}:3:12: services.web.image: cannot change without changing api; write their "
            "images apart"
        ),
    ),
    (
        "a variable",
        "services:\n  web:\n    image: a:${TAG:-1}\n",
        f"{PATH}:3:12: services.web.image: is made of variables; write the image itself here",
    ),
    (
        "a block",
        "services:\n  web:\n    image: >-\n      a\n",
        f"{PATH}:3:12: services.web.image: goes over several lines; write it on one",
    ),
    (
        "quotes over two lines",
        'services:\n  web:\n    image: "a\n      b"\n',
        f"{PATH}:3:12: services.web.image: goes over several lines; write it on one",
    ),
    (
        "no image",
        "services:\n  web:\n    tty: true\n",
        f"{PATH}:3:5: services.web: there is no image; write one first",
    ),
    (
        "an image that is a list",
        "services:\n  web:\n    image: [a]\n",
        f"{PATH}:3:12: services.web.image: must be text",
    ),
    (
        "a service that is text",
        "services:\n  web: a\n",
        f"{PATH}:2:8: services.web: there is no image; write one first",
    ),
    (
        "a typing error",
        "services:\n  wep:\n    image: a\n",
        f"{PATH}:2:3: services: there is no service 'web'; did you mean 'wep'?",
    ),
    ("no services", "name: p\n", f"{PATH}:1:1: there are no services"),
    ("a list", "- a\n", f"{PATH}:1:1: there are no services"),
    ("nothing", "", f"{PATH}:1:1: is empty"),
    ("a key twice", "a: 1\na: 2\n", f"{PATH}:2:1: duplicate key 'a'; the first is at 1:1"),
    (
        "a bomb",
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a]\n" for n in range(2)) + "c: !!python/x y\n",
        (
            f"{PATH}:4:4: tag 'tag:yaml.org,2002:python/x'; explicit tags are not supported, "
            "write a plain value"
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "wanted"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_a_refusal_names_the_place(source: str, wanted: str) -> None:
    assert refusal(source) == wanted


def test_keys_that_are_no_text_are_passed_over() -> None:
    source = f"x-a: &a k\nx-b: {{*a : 1}}\nservices:\n  web:\n    image: {OLD}\n"
    assert pin(source) == source.replace(OLD, str(NEW))


def test_images_are_read_through_aliases_and_merges() -> None:
    source = (
        b"x: &x {image: a}\nservices:\n  web: {<<: *x}\n  db: *x\n  job: {image: [b]}\n  no: 1\n"
    )
    assert read_images(source, path=PATH) == {"web": "a", "db": "a"}


WORDS = st.text(string.ascii_letters + string.digits + " #:\u00e9\u20ac", max_size=12)


@given(comments=st.lists(WORDS, min_size=4, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_around_it_stays(comments: list[str], end: str) -> None:
    lines = [
        f"# {comments[0]}",
        "services:",
        f"  api: {{image: 'b'}} # {comments[1]}",
        "  web:",
        f"    # {comments[2]}",
        f"    image: {OLD} # {comments[3]}",
        "",
    ]
    source = end.join(lines)
    assert pin(source) == source.replace(OLD, str(NEW))
