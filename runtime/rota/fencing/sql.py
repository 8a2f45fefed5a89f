"""Guards for SQL: PostgreSQL, SQLite, and what takes the same statements. Text and parameters, never a connection."""

from dataclasses import KW_ONLY, dataclass

from rota.fencing.checks import require_name, require_token
from rota.fencing.errors import FencingError, StaleTokenError

_PLACEHOLDERS = {"named": ":{}", "pyformat": "%({})s"}


@dataclass(frozen=True)
class SqlGuard:
    """Guards statements with a fencing token, in a column of the rows that they write.

        guard = SqlGuard(run.token, paramstyle="pyformat")
        cursor.execute(
            f"UPDATE accounts SET balance = %(balance)s, {guard.assignment} WHERE id = %(id)s AND {guard.condition}",
            guard.parameters(id=7, balance=100),
        )
        guard.check(cursor.rowcount)

    The column is `bigint NOT NULL DEFAULT 0` (tokens are milliseconds: `integer` is too small); it is also the name of
    the parameter. A higher token and the same one pass, a lower one finds no row to write. Set *and* ask: a statement
    without `assignment` does not keep older tokens out.

    `FencingError` where `token` is None, where a name is no plain identifier, or for another `paramstyle`.
    """

    token: int | None
    """`run.token`, or a lease's."""
    _: KW_ONLY
    column: str = "rota_token"
    """The column that keeps the token of the last write."""
    table: str | None = None
    """Its table or alias, with or without a schema, where the column's name alone could mean two: in joins, and in
    `ON CONFLICT ... DO UPDATE ... WHERE`."""
    paramstyle: str = "named"
    """`named` is `:name` (sqlite3, SQLAlchemy's `text`, oracledb), `pyformat` is `%(name)s` (psycopg, psycopg2)."""

    def __post_init__(self) -> None:
        require_token(self.token)
        require_name("column", self.column)
        if self.table is not None:
            for part in str(self.table).split(".", 1):
                require_name("table", part)
        if self.paramstyle not in _PLACEHOLDERS:
            raise FencingError(
                f"paramstyle must be 'named' (:name) or 'pyformat' (%(name)s); got {self.paramstyle!r}. sqlite3 takes "
                "'named' too; for a driver with positions alone, write the two conditions yourself"
            )

    @property
    def assignment(self) -> str:
        """For SET: `rota_token = :rota_token`."""
        return f"{self.column} = {self._placeholder}"

    @property
    def condition(self) -> str:
        """For WHERE: `rota_token <= :rota_token`, behind the table's name where that is given."""
        column = f"{self.table}.{self.column}" if self.table else self.column
        return f"{column} <= {self._placeholder}"

    def parameters(self, /, **yours: object) -> dict[str, object]:
        """Your parameters and the token's. Raises `FencingError` where you have one of its name."""
        if self.column in yours:
            raise FencingError(
                f"parameter {self.column!r} is the guard's own; got {yours[self.column]!r} for it: rename yours, or "
                "the column with column="
            )
        return {**yours, self.column: self.token}

    def check(self, rowcount: int, *, rows: int = 1) -> None:
        """Raises `StaleTokenError` where fewer than `rows` rows were written, by the `rowcount` of the cursor.

        An upsert always finds its row, so there it means a newer token. An UPDATE or a DELETE that meets no row looks
        the same as one that is refused: the error says so. Raise it inside the transaction, so that it rolls back.

        `FencingError` where the driver does not count (-1).
        """
        if rowcount < 0:
            raise FencingError(
                f"rowcount is {rowcount}: the driver did not count the rows that were written, so a refused write "
                "cannot be told; execute the statement by itself, not with executemany, or add RETURNING and count"
            )
        if rowcount < rows:
            token = require_token(self.token)
            raise StaleTokenError.of(
                token,
                f"{rowcount} of {rows} rows written with fencing token {token}: either a newer {self.column} stands "
                "there, and this run must stop: another server runs it now; or, unless it was an upsert, there is no "
                "such row",
            )

    @property
    def _placeholder(self) -> str:
        return _PLACEHOLDERS[self.paramstyle].format(self.column)
