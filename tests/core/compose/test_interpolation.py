from collections.abc import Mapping

import pytest

from moorline.core.compose.interpolation import InterpolationError, Variables, expand
from tests.core.compose.loading import environment, found, problems

VALUES = {"SET": "value", "EMPTY": "", "OTHER": "other", "long_1": "x" * 40}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("", ""),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a$SET-b", "avalue-b"),
        ("$SET$OTHER${SET}", "valueothervalue"),
        ("$EMPTY|${EMPTY}", "|"),
        ("$$SET $$ $$$$", "$SET $ $$"),
        ("$${SET}", "${SET}"),
        ("${SET:-d}", "value"),
        ("${EMPTY:-d}", "d"),
        ("${NONE:-d}", "d"),
        ("${SET-d}", "value"),
        ("${EMPTY-d}", ""),
        ("${NONE-d}", "d"),
        ("${NONE:-}", ""),
        ("${SET:?no}", "value"),
        ("${SET?no}", "value"),
        ("${EMPTY?no}", ""),
        ("${SET:+r}", "r"),
        ("${EMPTY:+r}", ""),
        ("${NONE:+r}", ""),
        ("${SET+r}", "r"),
        ("${EMPTY+r}", "r"),
        ("${NONE+r}", ""),
        ("${NONE:-${ALSO_NONE:-${OTHER}}}", "other"),
        ("${NONE:-a$SET}b", "avalueb"),
        ("${SET:+<${OTHER}>}", "<other>"),
        ("${NONE:-a:-b?c+d-e}", "a:-b?c+d-e"),
        ('${NONE:-{"k":1}}', '{"k":1}'),
        ("${SET:-$NONE}", "value"),
        ("${NONE+$NONE}", ""),
    ],
)
def test_each_form_means_what_the_specification_says(text: str, expanded: str) -> None:
    assert expand(text, VALUES.get) == expanded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$NONE", "variable NONE is not set; set it on the host, or give a default: ${NONE:-}"),
        ("${NONE}", "variable NONE is not set"),
        ("${NONE:-$ALSO}", "variable ALSO is not set"),
        ("${NONE:?ask somebody}", "variable NONE is required: ask somebody"),
        ("${EMPTY:?}", "variable EMPTY is required: not set"),
        ("${NONE?need $SET}", "variable NONE is required: need value"),
        ("a $ b", "a lone '$'; write '$$' for a dollar sign"),
        ("$5", "a lone '$'"),
        ("end$", "a lone '$'"),
        ("${SET", "'${' without its '}'"),
        ("${A:-${B}", "'${' without its '}'"),
        ("${}", "'${}' does not name a variable"),
        ("${1}", "'${1}' does not name a variable"),
        ("${SET!x}", "'${SET!x}' is not one of the forms of a variable"),
        ("${SET:x}", "'${SET:x}' is not one of the forms of a variable"),
        ("${X:-" * 20 + "}" * 20, "variables nested deeper than 16"),
        ("$long_1" * 2000, "longer than 64 KiB with its variables"),
    ],
)
def test_what_has_no_value_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        expand(text, VALUES.get)
    assert str(caught.value).startswith(message)


def sensitive(text: str, variables: Mapping[str, str]) -> frozenset[str]:
    source = f"services:\n  web:\n    image: PIN\n    environment:\n      X: {text}\n"
    return environment(source, variables=variables).sensitive


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$TOKEN", {"t0ken"}),
        ("${NONE:-default}", set()),
        ("${TOKEN:+replaced}", {"t0ken"}),
        ("$SHORT", set()),
        ("a${TOKEN}b$OTHER", {"t0ken", "other"}),
    ],
)
def test_values_of_the_host_are_sensitive_unless_they_are_short(
    text: str, values: set[str]
) -> None:
    variables = {"TOKEN": "t0ken", "OTHER": "other", "SHORT": "123", "UNUSED": "unused"}
    assert sensitive(text, variables) == values


def test_only_values_are_interpolated_never_keys() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            labels: {$KEY: $VALUE}
        """,
        variables={"VALUE": "v"},
    )
    assert loaded.service("web").config["Labels"] == {"$KEY": "v"}


def test_a_value_that_came_from_a_variable_is_text_and_fits_where_a_number_is_meant() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            scale: ${COUNT}
            read_only: ${FLAG}
            mem_limit: ${SIZE}
            environment: {A: "${COUNT}"}
        """,
        variables={"COUNT": "2", "FLAG": "yes", "SIZE": "64m"},
    )
    web = loaded.service("web")
    assert web.replicas == 2
    assert web.host_config["ReadonlyRootfs"] is True
    assert web.host_config["Memory"] == 64 * 1024 * 1024
    assert web.config["Env"] == ["A=2"]


def test_a_value_that_cannot_be_expanded_is_one_problem_and_no_more() -> None:
    source = "services:\n  web:\n    image: ${IMAGE}\n    scale: ${COUNT}\n"
    assert problems(source) == [
        (
            "services.web.image: variable IMAGE is not set; set it on the host, or give a "
            "default: ${IMAGE:-}"
        ),
        (
            "services.web.scale: variable COUNT is not set; set it on the host, or give a "
            "default: ${COUNT:-}"
        ),
    ]


def test_a_shared_value_is_reported_once_where_it_stands() -> None:
    source = "x-a: &a {k: [$NONE]}\nx-b: *a\nservices: {}\n"
    (problem,) = found(source)
    assert (problem.line, problem.column, problem.key) == (1, 14, "x-a.k[0]")


def test_many_large_variables_cannot_blow_the_file_up() -> None:
    source = "".join(f"x-{number}: {'$A' * 60}\n" for number in range(100))
    listed = problems(source, variables={"A": "v" * 1000})
    assert listed[0] == "x-69: the file grows too large with its variables"
    assert len(listed) == 31


def test_a_variable_is_remembered_only_when_it_was_used() -> None:
    variables = Variables({"USED": "used value", "UNUSED": "unused value"})
    assert variables.get("USED") == "used value"
    assert variables.get("ABSENT") is None
    assert variables.sensitive == {"used value"}
