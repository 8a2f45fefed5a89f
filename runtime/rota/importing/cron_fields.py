"""What Kubernetes and GitHub read in a cron expression, and cron(8) does not."""

import re

ENDS = (59, 23, 31, 12, 6)
"""The last number of each field."""


def with_ends(expression: str) -> str:
    """The expression with `5/15` as `5-59/15`: a number with a step goes on to the end of its field."""
    fields = expression.split()
    if len(fields) != len(ENDS):
        return expression
    return " ".join(
        ",".join(re.sub(r"^([0-9]+)/", rf"\1-{end}/", term) for term in field.split(","))
        for field, end in zip(fields, ENDS, strict=True)
    )
