# ruff: noqa: S101 - these are tests
"""What every `Store` must do, as tests to inherit.

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def make_store(self):
            def make(clock: Clock) -> Store:
                return MyStore(..., clock=clock)    # of one and the same database, empty at first
            return make

        def server_time(self) -> float:
            ...                             # what its clock shows, asked for in another way than by the store

The stores that one test makes share a database, as servers do; `clock` is the machine's.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from rota.clock import Clock, SystemClock
from rota.errors import LedgerError
from rota.stores.base import ConflictError, Document, Key, Store, Write

MakeStore = Callable[[Clock], Store]

BODIES: list[dict[str, Any]] = [
    {},
    {"text": "Grüße 🚀", "empty": "", "number": 0, "negative": -7, "token": 1_795_226_400_000},
    {"list": [{"a": 1, "b": "two"}, {}], "mapping": {"in": {"it": [1, [2, []]]}}},
    {"large": "x" * 100_000},
]

KEEP = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class ClockThatIsOff:
    """A machine's clock that shows another time than it is; durations are right."""

    def __init__(self, by: timedelta) -> None:
        self._by, self._right = by, SystemClock()

    def now(self) -> datetime:
        return self._right.now() + self._by

    def monotonic(self) -> float:
        return self._right.monotonic()


class StoreConformance:
    """Inherit, and override `make_store` and `server_time`."""

    writers: ClassVar[int] = 8
    """Threads that write at once."""
    rounds: ClassVar[int] = 5
    """How often they do."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Makes stores of one database, for machines with the clock given. It is empty before the first is made."""
        raise NotImplementedError("override the fixture `make_store`")

    def server_time(self) -> float:
        """What the database's clock shows now, to within two seconds."""
        raise NotImplementedError("override `server_time`")

    @pytest.fixture
    def store(self, make_store: MakeStore) -> Store:
        """A store of a machine whose clock is right."""
        return make_store(SystemClock())

    # One document

    def test_nothing_stands_where_nothing_was_written(self, store: Store) -> None:
        assert store.get(Key("run#a", "1")) is None
        assert list(store.list("run#a", limit=10).documents) == []

    @pytest.mark.parametrize("body", BODIES)
    def test_a_document_is_read_as_it_was_written(self, store: Store, body: Mapping[str, Any]) -> None:
        write = _write(Key("run#a", "Grüße#1"), None, body)
        store.write([write])
        assert store.get(write.key) == Document(key=write.key, version=write.version, body=body)

    def test_a_document_does_not_follow_the_writer_s_own(self, store: Store) -> None:
        body = {"list": [1]}
        store.write([_write(Key("run#a"), None, body)])
        body["list"].append(2)
        assert _body(store, Key("run#a")) == {"list": [1]}

    def test_a_document_is_written_over_as_a_whole(self, store: Store) -> None:
        first = _write(Key("run#a"), None, {"a": 1, "b": 2})
        store.write([first])
        store.write([_write(first.key, first.version, {"c": 3})])
        assert _body(store, first.key) == {"c": 3}

    def test_keys_of_several_partitions_are_apart(self, store: Store) -> None:
        keys = [Key("run#a", "1"), Key("run#a", "2"), Key("run#b", "1"), Key("run#a#1"), Key("run#a")]
        for number, key in enumerate(keys):
            store.write([_write(key, None, {"number": number})])
        assert [_body(store, key) for key in keys] == [{"number": number} for number in range(len(keys))]

    # Conflicts

    def test_what_stands_there_is_not_written_over_unseen(self, store: Store) -> None:
        first = _write(Key("run#a"), None, {"a": 1})
        store.write([first])
        for expects in (None, "another version"):
            with pytest.raises(ConflictError) as conflict:
                store.write([_write(first.key, expects, {"a": 2})])
            assert list(conflict.value.current) in ([], [first.document()])
        assert store.get(first.key) == first.document()

    def test_what_should_stand_there_and_does_not_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as conflict:
            store.write([_write(Key("run#a"), "a version", {})])
        assert list(conflict.value.current) in ([], [None])
        assert store.get(Key("run#a")) is None

    def test_an_old_version_is_a_conflict(self, store: Store) -> None:
        first = _write(Key("run#a"), None, {"a": 1})
        second = _write(first.key, first.version, {"a": 2})
        store.write([first])
        store.write([second])
        with pytest.raises(ConflictError):
            store.write([_write(first.key, first.version, {"a": 3})])
        assert store.get(first.key) == second.document()

    # Transactions

    def test_several_documents_are_written_at_once(self, store: Store) -> None:
        old = _write(Key("lock#a"), None, {"a": 1})
        store.write([old])
        writes = [
            _write(Key("run#a", "1"), None, {"b": 1}),
            _write(old.key, old.version, {"a": 2}),
            _write(Key("unique#a"), None, {}),
        ]
        store.write(writes)
        assert [store.get(write.key) for write in writes] == [write.document() for write in writes]

    @pytest.mark.parametrize("wrong", range(3))
    def test_all_or_none(self, store: Store, wrong: int) -> None:
        standing = [_write(Key("run#a", str(place)), None, {"old": place}) for place in range(3)]
        for one in standing:
            store.write([one])
        expected: list[str | None] = [one.version for one in standing]
        expected[wrong] = None
        pairs = zip(standing, expected, strict=True)
        with pytest.raises(ConflictError) as conflict:
            store.write([_write(one.key, version, {"new": 1}) for one, version in pairs])
        documents = [one.document() for one in standing]
        assert list(conflict.value.current) in ([], documents)
        assert [store.get(one.key) for one in standing] == documents

    # Requests that are sent again, their answers lost

    def test_a_write_that_is_sent_again_has_succeeded(self, store: Store) -> None:
        first = _write(Key("run#a"), None, {"a": 1})
        second = _write(first.key, first.version, {"a": 2})
        for write in (first, first, second, second):
            store.write([write])
        assert store.get(first.key) == second.document()

    def test_a_transaction_that_is_sent_again_has_succeeded(self, store: Store) -> None:
        old = _write(Key("lock#a"), None, {})
        store.write([old])
        writes = [_write(Key("run#a"), None, {"a": 1}), _write(old.key, old.version, {"b": 1})]
        store.write(writes)
        store.write(writes)
        assert [store.get(write.key) for write in writes] == [write.document() for write in writes]

    def test_so_has_one_of_which_another_has_written_a_part_over(self, store: Store) -> None:
        writes = [_write(Key("run#a"), None, {"a": 1}), _write(Key("lock#a"), None, {"b": 1})]
        store.write(writes)
        later = _write(Key("lock#a"), writes[1].version, {"b": 2})
        store.write([later])
        store.write(writes)
        assert store.get(writes[0].key) == writes[0].document()
        assert store.get(later.key) == later.document()

    def test_what_was_written_over_since_is_not_taken_back(self, store: Store) -> None:
        first = _write(Key("run#a"), None, {"a": 1})
        second = _write(first.key, first.version, {"a": 2})
        store.write([first])
        store.write([second])
        with pytest.raises(ConflictError):
            store.write([first])
        assert store.get(first.key) == second.document()

    # Many writers

    def test_of_those_who_write_at_once_one_wins_each_version(self, make_store: MakeStore) -> None:
        self._race(make_store, [Key("run#a")])

    def test_of_transactions_at_once_one_wins_each_version(self, make_store: MakeStore) -> None:
        self._race(make_store, [Key("run#a"), Key("lock#a")])

    def _race(self, make_store: MakeStore, keys: Sequence[Key]) -> None:
        stores = [make_store(SystemClock()) for _ in range(self.writers)]
        expects: list[str | None] = [None for _ in keys]
        for _ in range(self.rounds):
            start = threading.Barrier(self.writers)

            def write(
                store: Store, start: threading.Barrier = start, expects: Sequence[str | None] = tuple(expects)
            ) -> Sequence[Write] | None:
                mine = [_write(key, version, {"a": 1}) for key, version in zip(keys, expects, strict=True)]
                start.wait()
                try:
                    store.write(mine)
                except ConflictError:
                    return None
                return mine

            with ThreadPoolExecutor(self.writers) as threads:
                (won,) = [mine for mine in threads.map(write, stores) if mine is not None]
            assert [stores[0].get(key) for key in keys] == [one.document() for one in won]
            expects = [one.version for one in won]

    def test_nothing_that_is_counted_at_once_is_lost(self, make_store: MakeStore) -> None:
        """Each adds to a document of its own and to one of all, in one transaction."""

        def count(number: int) -> None:
            store, mine, all_ = make_store(SystemClock()), Key("run#a", str(number)), Key("lock#a")
            done = 0
            while done < self.rounds:
                found = [(key, store.get(key)) for key in (mine, all_)]
                try:
                    store.write([_one_more(key, document) for key, document in found])
                except LedgerError:
                    continue
                done += 1

        with ThreadPoolExecutor(self.writers) as threads:
            list(threads.map(count, range(self.writers)))
        store = make_store(SystemClock())
        assert _body(store, Key("lock#a")) == {"count": self.writers * self.rounds}
        assert [one.body["count"] for one in store.list("run#a", limit=100).documents] == [self.rounds] * self.writers

    # Lists

    def test_a_partition_is_listed_newest_first_in_pages(self, store: Store) -> None:
        sorts = [f"2026-11-{day:02}T02:00:00Z#orders" for day in range(1, 12)]
        for sort in sorted(sorts, key=lambda sort: sort[9]):  # in any order
            store.write([_write(Key("run#a", sort), None, {"sort": sort})])
        store.write([_write(Key("run#b", sorts[0]), None, {})])
        for limit in (1, 4, 11, 50):
            found, after = _pages(store, "run#a", limit)
            assert [document.key.sort for document in found] == sorted(sorts, reverse=True)
            assert [document.body["sort"] for document in found] == sorted(sorts, reverse=True)
            assert after >= 11 // limit - 1
        assert [one.key.sort for one in store.list("run#a", limit=2, after=sorts[5]).documents] == [sorts[4], sorts[3]]
        assert list(store.list("run#a", limit=2, after=sorts[0]).documents) == []

    # Time

    @pytest.mark.parametrize("off", [0, -30, 30, 86_400])
    def test_the_time_is_the_database_s_whatever_the_machine_s_clock_shows(
        self, make_store: MakeStore, off: int
    ) -> None:
        store = make_store(ClockThatIsOff(timedelta(seconds=off)))
        before = self.server_time()
        told = store.now()
        assert before - 2 <= told <= self.server_time() + 2


def _write(key: Key, expects: str | None, body: Mapping[str, Any]) -> Write:
    return Write(key=key, expects=expects, body=body, keep_until=KEEP)


def _one_more(key: Key, document: Document | None) -> Write:
    count = document.body["count"] if document else 0
    return _write(key, document.version if document else None, {"count": count + 1})


def _body(store: Store, key: Key) -> Mapping[str, Any]:
    document = store.get(key)
    assert document is not None
    return document.body


def _pages(store: Store, partition: str, limit: int) -> tuple[list[Document], int]:
    """All documents of a partition, and how many pages were not the last."""
    found: list[Document] = []
    after, count = None, 0
    while True:
        page = store.list(partition, limit=limit, after=after)
        assert len(page.documents) <= limit
        found += page.documents
        if page.after is None:
            return found, count
        after, count = page.after, count + 1
