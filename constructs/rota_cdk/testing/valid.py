"""The validation that other synth tests leave out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from aws_cdk import App, Stack


def assert_valid(what: App | Stack | Callable[[App], object]) -> None:
    """Fails if CDK's validation finds anything in the templates of an app: what CloudFormation's schemas do not allow,
    and what plugins such as cdk-nag report, unless it is acknowledged. It takes seconds: one test of it is enough.

    `what` is a function that makes the stacks in the app it is given, such as `lambda app: ShopStack(app, "Shop")`; or
    an app, or a stack of one, that has its validation on, as `App()` has.

    Raises `AssertionError` that lists what was found; `ValueError` where the validation is off.
    """
    __tracebackhide__ = True
    app = _app(what)
    try:
        folder = Path(app.synth().directory)
    except RuntimeError as error:  # what jsii makes of an error of CDK's; findings of the severity "error" are one
        raise AssertionError(f"the app is not valid: {error}") from None
    report = folder / "validation-report.json"
    if not report.exists():
        raise ValueError(
            "the validation of this app is off: make it with App(), without builtin_cloud_formation_validation=False, "
            "or give the function that makes its stacks, and do not set CDK_VALIDATION=false"
        )
    found = list(_findings(json.loads(report.read_text(encoding="utf-8"))))
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise AssertionError(f"the app is not valid, {len(found)} found:\n{lines}")


def _app(what: App | Stack | Callable[[App], object]) -> App:
    if isinstance(what, App):
        return what
    if isinstance(what, Stack):
        return cast("App", what.node.root)
    # Said, for a cdk.json may turn it off.
    app = App(builtin_cloud_formation_validation=True)
    what(app)
    return app


def _findings(report: dict[str, Any]) -> Iterator[str]:
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            places = [construct["constructPath"] for construct in violation["violatingConstructs"]]
            yield f"{', '.join(places)}: {violation['description']} ({plugin['pluginName']} {violation['ruleName']})"
