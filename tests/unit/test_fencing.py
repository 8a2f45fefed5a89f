"""What the guards make of requests and statements, and what they refuse."""

import subprocess
import sys
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr

from rota.errors import RotaError
from rota.fencing import DynamoGuard, FencingError, SqlGuard, StaleTokenError

OURS = "(attribute_not_exists(#rota_token) OR #rota_token <= :rota_token)"


@pytest.mark.parametrize("guard", [DynamoGuard, SqlGuard])
class TestTokens:
    def test_a_run_without_a_token_is_told_how_to_get_one(self, guard: Any) -> None:
        with pytest.raises(FencingError, match=r"no fencing token.*lock= or unique=, or schedule it"):
            guard(None)

    @pytest.mark.parametrize("token", ["5", 5.0, True, 0, -1])
    def test_what_no_claim_gives_is_refused(self, guard: Any, token: Any) -> None:
        with pytest.raises(FencingError, match=f"a whole number from 1.*got {token!r}"):
            guard(token)


@pytest.mark.parametrize("name", ["", "a b", "a-b", "1a", 'a"', "a;--", "é", "a\n", "a.b", None, 7])
def test_names_that_are_no_plain_identifiers_are_refused(name: Any) -> None:
    with pytest.raises(FencingError, match="plain identifier"):
        SqlGuard(1, column=name)
    with pytest.raises(FencingError, match="plain identifier"):
        DynamoGuard(1, attribute=name)


@pytest.mark.parametrize("table", ["", "a b", "a.", ".a", "a.b.c", 'a"', "a;--", 7])
def test_tables_have_a_schema_at_most(table: Any) -> None:
    with pytest.raises(FencingError, match="table must be a plain identifier"):
        SqlGuard(1, table=table)
    assert SqlGuard(1, table="public.accounts").condition == "public.accounts.rota_token <= :rota_token"


class TestSql:
    def test_the_fragments_of_both_styles(self) -> None:
        named, pyformat = SqlGuard(5, table="a"), SqlGuard(5, column="fence", paramstyle="pyformat")
        assert (named.assignment, named.condition) == ("rota_token = :rota_token", "a.rota_token <= :rota_token")
        assert (pyformat.assignment, pyformat.condition) == ("fence = %(fence)s", "fence <= %(fence)s")
        assert pyformat.parameters(id=7, self="mine") == {"id": 7, "self": "mine", "fence": 5}

    def test_a_parameter_of_the_same_name_is_a_clash(self) -> None:
        with pytest.raises(FencingError, match="parameter 'rota_token' is the guard's own; got 9 for it"):
            SqlGuard(5).parameters(rota_token=9)

    def test_drivers_with_positions_alone_are_refused(self) -> None:
        with pytest.raises(FencingError, match=r"got 'qmark'. sqlite3 takes 'named' too"):
            SqlGuard(5, paramstyle="qmark")

    def test_fewer_rows_than_wanted_are_a_stale_token(self) -> None:
        guard = SqlGuard(5)
        guard.check(1)
        guard.check(3)
        guard.check(3, rows=3)
        for rowcount, rows in ((0, 1), (2, 3)):
            with pytest.raises(StaleTokenError, match=f"{rowcount} of {rows} rows written.* token 5") as refused:
                guard.check(rowcount, rows=rows)
            assert (refused.value.token, refused.value.stored) == (5, None)

    def test_a_driver_that_does_not_count_is_told_of(self) -> None:
        with pytest.raises(FencingError, match="rowcount is -1: the driver did not count"):
            SqlGuard(5).check(-1)


class TestDynamoDb:
    @pytest.mark.parametrize(
        ("yours", "guarded"),
        [
            ("SET a = :a, b = :b", "SET #rota_token = :rota_token, a = :a, b = :b"),
            ("set#a=:a", "SET #rota_token = :rota_token,#a=:a"),
            ("REMOVE a SET b = :b", "REMOVE a SET #rota_token = :rota_token, b = :b"),
            ("ADD n :one", "SET #rota_token = :rota_token ADD n :one"),
            # SET is a reserved word: where it is no clause it stands behind one of these, or within a longer word.
            ("REMOVE #set, a.#Set, reset, set_", "SET #rota_token = :rota_token REMOVE #set, a.#Set, reset, set_"),
            ("ADD n :set", "SET #rota_token = :rota_token ADD n :set"),
        ],
    )  # fmt: skip
    def test_the_token_joins_your_update_expression(self, yours: str, guarded: str) -> None:
        assert DynamoGuard(5).update_item(UpdateExpression=yours)["UpdateExpression"] == guarded

    def test_your_condition_names_and_values_stay(self) -> None:
        yours = {
            "TableName": "accounts",
            "Key": {"id": {"S": "7"}},
            "ConditionExpression": "#a = :a OR #b = :b",
            "ExpressionAttributeNames": {"#a": "a", "#b": "b"},
            "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}},
        }
        before = repr(yours)
        assert DynamoGuard(5, typed=True).delete_item(**yours) == yours | {
            "ConditionExpression": f"(#a = :a OR #b = :b) AND {OURS}",
            "ExpressionAttributeNames": {"#a": "a", "#b": "b", "#rota_token": "rota_token"},
            "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}, ":rota_token": {"N": "5"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        assert repr(yours) == before

    def test_condition_objects_bring_placeholders_of_their_own(self) -> None:
        guarded = DynamoGuard(5).put_item(Item={"id": "7"}, ConditionExpression=Attr("a").exists())
        assert guarded["Item"] == {"id": "7", "rota_token": 5}
        assert guarded["ConditionExpression"] == Attr("a").exists() & (
            Attr("rota_token").not_exists() | Attr("rota_token").lte(5)
        )
        assert "ExpressionAttributeNames" not in guarded  # DynamoDB refuses unused ones

    @pytest.mark.parametrize(
        ("request_", "clash"),
        [
            ({"ExpressionAttributeNames": {"#rota_token": "x"}}, "ExpressionAttributeNames has '#rota_token'"),
            ({"ExpressionAttributeValues": {":rota_token": 1}}, "ExpressionAttributeValues has ':rota_token'"),
            ({"Expected": {}}, "Expected cannot stand beside"),
            ({"AttributeUpdates": {}}, "AttributeUpdates cannot stand beside"),
        ],
    )
    def test_clashes_are_told(self, request_: dict[str, Any], clash: str) -> None:
        with pytest.raises(FencingError, match=clash):
            DynamoGuard(5).update_item(Key={"id": "7"}, **request_)

    def test_a_put_without_an_item_is_told(self) -> None:
        with pytest.raises(FencingError, match=r"put_item takes Item=.*got None"):
            DynamoGuard(5).put_item(Key={"id": "7"})

    def test_other_errors_of_the_block_pass_as_they_are(self) -> None:
        class Answered(Exception):
            def __init__(self, response: object) -> None:
                self.response = response

        stale = {"rota_token": {"N": "6"}}
        for response in (
            None,
            {},
            {"Item": {}},
            {"Item": {"rota_token": {"N": "5"}}},
            {"Item": {"rota_token": {"S": "6"}}},
        ):
            with pytest.raises(Answered), DynamoGuard(5).checked():
                raise Answered(response)
        for response in ({"Item": stale}, {"CancellationReasons": [{"Code": "None"}, {"Item": stale}]}):
            with pytest.raises(StaleTokenError, match="rota_token 6 has written there"), DynamoGuard(5).checked():
                raise Answered(response)


def test_the_default_message_says_what_to_do() -> None:
    assert "another server runs this now" in str(StaleTokenError())
    assert issubclass(StaleTokenError, RotaError)
    assert issubclass(FencingError, RotaError)


def test_importing_the_guards_imports_no_driver() -> None:
    code = (
        "import rota.fencing, sys; print({'boto3', 'botocore', 'psycopg', 'sqlite3', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
