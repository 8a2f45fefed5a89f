"""What a handler's exception is told as, and which entries of `Retry` it matches."""

import importlib.util
import json
import logging
import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import GiveUp, HandlerError, HandlerProcessError, RetryAfter, RotaError
from rota.failures import Failure, IsolatedFailure, exception_name_problem, name_of, printable, told


class ShopError(Exception):
    """Of an application."""


class OutOfStockError(ShopError):
    class Nested(Exception): ...


def failure(error: BaseException) -> Failure:
    """Of an error that was raised."""
    try:
        raise error
    except BaseException as raised:
        return Failure.of(raised)


def test_it_says_type_and_message_and_knows_the_bases() -> None:
    found = failure(OutOfStockError("no 7"))
    assert found.said == "OutOfStockError: no 7"
    here = OutOfStockError.__module__
    expected = [
        f"{here}:OutOfStockError",
        f"{here}:ShopError",
        *(f"builtins:{n}" for n in ("Exception", "BaseException")),
    ]
    assert found.kinds == (*expected, "builtins:object")
    assert found.error is not None
    assert not found.give_up
    assert found.retry_after is None


def test_rotas_own_errors_about_handlers_are_sentences() -> None:
    assert failure(HandlerError("job 'x': no such handler")).said == "job 'x': no such handler"
    assert failure(HandlerProcessError("handler's process died")).said == "handler's process died"


@pytest.mark.parametrize(
    "entry",
    [ShopError, OutOfStockError, Exception, "Exception", "builtins:Exception", f"{__name__}:ShopError"],
)
def test_it_matches_a_class_its_bases_and_their_names(entry: Any) -> None:
    entry = entry.replace(__name__, ShopError.__module__) if isinstance(entry, str) else entry
    assert failure(OutOfStockError()).matches([ValueError, entry])


@pytest.mark.parametrize(
    "entry", [ValueError, "ValueError", "shop:ShopError", OutOfStockError.Nested, "OutOfStockError"]
)
def test_it_matches_nothing_else(entry: Any) -> None:
    assert not failure(OutOfStockError()).matches([entry])
    assert not failure(OutOfStockError()).matches([])


def test_a_nested_class_has_its_qualified_name() -> None:
    assert failure(OutOfStockError.Nested()).matches([f"{ShopError.__module__}:OutOfStockError.Nested"])


def test_a_name_by_which_a_module_passes_a_class_on_matches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = ModuleType("shop_of_this_test")
    shop.Sold = OutOfStockError  # type: ignore[attr-defined] # as a package's __init__ does
    monkeypatch.setitem(sys.modules, "shop_of_this_test", shop)
    assert failure(OutOfStockError()).matches(["shop_of_this_test:Sold"])
    assert not failure(ShopError()).matches(["shop_of_this_test:Sold"])
    assert not failure(ShopError()).matches(["shop_of_this_test:Missing", "not_imported_anywhere:ShopError"])
    assert "not_imported_anywhere" not in sys.modules


def test_give_up_and_retry_after_are_seen_in_subclasses_too() -> None:
    class Refused(GiveUp): ...

    class Closed(RetryAfter): ...

    assert failure(Refused("no")).give_up
    assert failure(GiveUp()).said == "GiveUp: The run is given up."
    assert failure(Closed(90, "closed")).retry_after == timedelta(seconds=90)
    assert failure(RetryAfter(timedelta(days=7))).retry_after == timedelta(days=7)
    assert isinstance(RetryAfter(0), RotaError)


@pytest.mark.parametrize(
    "wait", [-1, -0.001, timedelta(days=7, seconds=1), float("nan"), float("inf"), 1e300, "90", None]
)
def test_retry_after_refuses_what_is_no_wait(wait: Any) -> None:
    with pytest.raises(ValueError, match="wait must be seconds or a timedelta, from 0 to 7 days; got") as raised:
        RetryAfter(wait)
    assert str(raised.value).endswith(repr(wait))


def hostile() -> list[BaseException]:
    def refuse(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            refuse()

        def __instancecheck__(cls, instance: object) -> bool:
            refuse()

    class Told(Exception):
        __str__ = __repr__ = __format__ = refuse  # type: ignore[assignment] # the point

    class Odd(Exception):
        __class__ = property(refuse)  # type: ignore[assignment] # the point

        def __getattribute__(self, name: str) -> Any:
            refuse()

    class WithoutInit(RetryAfter):
        def __init__(self) -> None: ...

    class WrongWait(RetryAfter):
        wait = property(refuse)  # type: ignore[assignment] # the point

        def __init__(self) -> None: ...

    class Text(str):
        __slots__ = ()
        __format__ = __str__ = __getitem__ = __len__ = __iter__ = refuse  # type: ignore[assignment] # the point

    class Returns(Exception):
        def __str__(self) -> str:
            return Text("text of a class of its own")

    class Number(Exception):
        def __str__(self) -> str:
            return 3  # type: ignore[return-value] # noqa: PLE0307 - the point

    odd = Meta("Strange", (Exception,), {"__module__": 7})
    return [
        Told(),
        Odd(),
        WithoutInit(),
        WrongWait(),
        Returns(),
        Number(),
        type.__call__(odd),
        Exception("\ud800\0" * 9),
    ]


@pytest.mark.parametrize("number", range(8))
def test_nothing_that_a_users_exception_does_makes_it_raise(number: int) -> None:
    found = failure(hostile()[number])
    assert 0 < len(found.said) <= 1000
    assert found.said == printable(found.said)
    assert "builtins:Exception" in found.kinds
    assert len(found.traceback_digest) == 12
    assert found.retry_after is None
    assert pickle.loads(pickle.dumps(found.without_error())) == found.without_error()


def test_a_long_message_is_cut() -> None:
    assert len(failure(ShopError("x" * 100_000)).said) == 1000


@given(st.text(st.characters()))
def test_what_is_printable_can_be_sent(text: str) -> None:
    """As the XML standard has it, which SQS follows."""
    for c in printable(text):
        code = ord(c)
        assert code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
    assert len(printable(text)) == len(text)


PLACES = """
import json
class Shop:
    def sell(self, how):
        return how()
def one(): raise ValueError("1")
def two(): raise ValueError("2")
def other_type(): raise KeyError("1")
def deep(depth=0): return deep(depth + 1) if depth < 50 else one()
def comprehension(): return [one() for _ in range(1)]
def parse(): json.loads("{")
"""


def load(folder: Path, text: str) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "places.py").write_text(text)
    spec = importlib.util.spec_from_file_location("places", folder / "places.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(function: Any, *arguments: Any) -> str:
    """As seen from the application: without this test's own frames."""
    with pytest.raises(Exception) as raised:
        function(*arguments)
    assert raised.tb.tb_next is not None
    return Failure.of(raised.value.with_traceback(raised.tb.tb_next)).traceback_digest


def test_a_digest_is_of_the_places_not_of_lines_messages_folders_or_depth(tmp_path: Path) -> None:
    here, there = load(tmp_path / "rota" / "a", PLACES), load(tmp_path / "b", "\n\n# edited\n" + PLACES)
    assert digest(here.one) == digest(there.one)
    assert digest(here.deep) == digest(here.deep, 20)
    assert len(digest(here.one)) == 12
    assert int(digest(here.one), 16)


def test_different_places_and_types_have_different_digests(tmp_path: Path) -> None:
    shop = load(tmp_path, PLACES)
    ways = [(shop.one,), (shop.two,), (shop.other_type,), (shop.deep,), (shop.parse,), (shop.Shop().sell, shop.one)]
    assert len({digest(*way) for way in ways}) == len(ways)


def test_a_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    shop = load(tmp_path, PLACES)
    names = ["one", "deep", "comprehension", "parse"]
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import places\nfrom rota.failures import Failure\n"
        "def of(name):\n  try: getattr(places, name)()\n"
        "  except Exception as e: return Failure.of(e.with_traceback(e.__traceback__.tb_next)).traceback_digest\n"
        f"print(json.dumps([of(name) for name in {names}]))"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [digest(getattr(shop, name)) for name in names]


def test_what_python_changes_from_version_to_version_does_not_count(tmp_path: Path) -> None:
    """3.11 has a frame for a comprehension, 3.12 has none; the standard library's frames come and go."""
    shop = load(tmp_path, PLACES + "\ndef plain(): return one()\n")
    shop.plain.__code__ = shop.plain.__code__.replace(co_qualname="comprehension")
    assert digest(shop.plain) == digest(shop.comprehension)
    shop.json = type("json", (), {"loads": lambda _: json.loads("[")})
    assert digest(shop.parse) != digest(shop.one)


def test_rotas_own_frames_do_not_count() -> None:
    def wrong() -> NoReturn:
        raise ShopError

    within: dict[str, Any] = {"__name__": "rota.runner"}
    exec("def run(function): function()", within)
    assert digest(within["run"], wrong) == digest(wrong)
    within["__name__"] = "rotation.runner"
    assert digest(within["run"], wrong) != digest(wrong)


def test_without_its_error_it_travels_and_logs_the_traceback_as_text(caplog: pytest.LogCaptureFixture) -> None:
    found = failure(ShopError("no stock"))
    there: Failure = pickle.loads(pickle.dumps(found.without_error()))
    assert there.error is None
    assert there.said == found.said
    assert there.without_error() == there
    assert "in failure" in there.trace
    for one in (found, there):
        caplog.clear()
        one.log(logging.getLogger("shop"), logging.ERROR, "100% failed")
        assert caplog.messages[0].startswith("100% failed")
        assert "in failure" in caplog.text
        assert caplog.text.count("Traceback (most recent call last)") == 1


def test_a_failure_of_a_child_stays_what_it_was() -> None:
    there = failure(GiveUp("no such order")).without_error()
    assert failure(IsolatedFailure(there)) is there
    assert str(IsolatedFailure(there)) == "GiveUp: no such order"


@pytest.mark.parametrize("entry", [ValueError, KeyboardInterrupt, ShopError, "ValueError", "shop.errors:Sold", "a:B.C"])
def test_names_of_exceptions_are_accepted(entry: Any) -> None:
    assert exception_name_problem(entry) is None


@pytest.mark.parametrize(
    "entry",
    [int, "int", "Missing", "", ":", "a:", ":B", "a.b.C", "a b:C", "a:B()", None, 3, ValueError("x"), [ValueError]],
)
def test_what_names_no_exception_is_told_of_with_the_value_got(entry: Any) -> None:
    problem = exception_name_problem(entry)
    assert problem is not None
    assert problem.endswith(f"got {entry!r}")


def test_told_and_name_of() -> None:
    assert told(ShopError("x")) == "ShopError: x"
    assert name_of(ValueError) == "builtins:ValueError"
