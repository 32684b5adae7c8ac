"""A duration on the command line: 500ms, 30s, 5m."""

import click

from moorline.core.durations import parse_duration

__all__ = ["DURATION"]


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"'{value}' {error}", param, ctx)


DURATION = _Duration()
