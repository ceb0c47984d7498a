"""The careful reader against the fast one, and against files that no reader likes."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.feeds import records as reading
from include.feeds.records import FileError, open_records
from include.feeds.textlines import (
    Broken,
    Dialect,
    Good,
    count_lines,
    csv_records,
    has_csv_records,
    json_records,
    why_no_object,
)
from include.settings import Settings

CELL = st.text(st.sampled_from("ab,;\"\n\r é'\\|"), max_size=6)
ROWS = st.lists(st.tuples(CELL, CELL, CELL), max_size=8)


def written(rows: list[tuple[str, ...]], newline: str = "\n", **options: str) -> bytes:
    """Write a CSV as Python's own writer does."""
    out = io.StringIO()
    csv.writer(out, lineterminator=newline, quoting=csv.QUOTE_ALL, **options).writerows(rows)  # type: ignore[arg-type]
    return ("x,y,z" + newline + out.getvalue()).encode()


def fields(path: Path, dialect: Dialect, columns: int = 3) -> list[tuple[str | None, ...]]:
    found = list(csv_records(path, dialect, columns))
    assert all(isinstance(record, Good) for record in found), found
    return [tuple(record.fields) for record in found if isinstance(record, Good)]


@settings(deadline=None)
@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_what_a_writer_wrote_is_read(rows: list[tuple[str, ...]], newline: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(written(rows, newline))
        assert fields(path, Dialect()) == [tuple(cell or None for cell in row) for row in rows]


@settings(deadline=None, max_examples=20)
@given(ROWS)
def test_whichever_reader_is_taken_the_records_are_the_same(rows: list[tuple[str, ...]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(written(rows))
        with open_records(path, "csv", name="f.csv", settings=Settings(home=Path(folder))) as found:
            read = found.duck.execute("select x, y, z from source order by _row").fetchall()
    assert read == [tuple(cell or None for cell in row) for row in rows]


def test_a_fast_reader_that_loses_a_record_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: a fast reader that gives one record less."""
    path = tmp_path / "f.csv"
    path.write_bytes(b"x,y,z\n1,2,3\n4,5,6\n")
    stands = reading._stands

    def careless(duck: object, sql: str) -> int | None:
        stands(duck, sql)  # type: ignore[arg-type]
        duck.execute("delete from records where rowid = 1")  # type: ignore[attr-defined]
        return 1

    monkeypatch.setattr(reading, "_stands", careless)
    with open_records(path, "csv", name="f.csv", settings=Settings(home=tmp_path)) as found:
        assert found.count == 2
        assert found.duck.execute("select x from source order by _row").fetchall() == [("1",), ("4",)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"", 0),
        (b"x\n", 0),
        (b"x\n1\n2\n", 2),
        (b"x\n1\n2", 2),
        (b"x\r\n1\r\n\r\n2\r\n", 2),
        (b'x\n"1\n1"\n2\n', 2),
    ],
)
def test_records_are_counted_by_their_line_ends(tmp_path: Path, text: bytes, count: int) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(text)
    assert has_csv_records(path, Dialect(), count)
    assert not has_csv_records(path, Dialect(), count + 7)


def test_lines_are_counted_with_and_without_a_last_end(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for text, count in ((b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3)):
        path.write_bytes(text)
        assert count_lines(path) == count


def test_an_unclosed_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b'x,y,z\n1,"2,3\n4,5,6\n7,"8,9\n"10\n10",11,12\n')
    found = list(csv_records(path, Dialect(), 3))
    assert [(type(record), record.row) for record in found] == [
        (Broken, 1),
        (Good, 2),
        (Broken, 3),
        (Good, 4),
    ]
    assert [record.line for record in found if isinstance(record, Broken)] == [2, 4]


def test_other_dialects_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"made by a till\nx;y;z\n1;'2;2';3\n4;'5\\'5';6\n")
    dialect = Dialect(";", "'", "\\", skip=1)
    assert fields(path, dialect) == [("1", "2;2", "3"), ("4", "5'5", "6")]
    options = {"delimiter": ";", "quote": "'", "escape": "\\", "skip": 1}
    with open_records(path, "csv", name="f", options=options, settings=Settings(home=tmp_path)) as found:
        assert found.duck.execute("select y from source order by _row").fetchall() == [("2;2",), ("5'5",)]


def test_blank_json_lines_count_as_lines_and_give_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":1}\n\n{"a":\n{"a":2}')
    assert [(type(record), record.row) for record in json_records(path)] == [
        (Good, 1),
        (Broken, 3),
        (Good, 4),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1}', None),
        ("[1]", "no object"),
        ('{"a": 1', "no JSON"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": "\\ud83d\\ude00"}', None),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_a_line_that_is_no_object_says_why(text: str, reason: str | None) -> None:
    found = why_no_object(text)
    assert found is None if reason is None else reason in (found or "")


def test_encodings_are_taken_by_name_or_by_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    for encoding, options in (("utf-16", {}), ("cp1252", {"encoding": "cp1252"}), ("utf-8-sig", {})):
        path.write_bytes("x,y\n€,é\n".encode(encoding))
        with open_records(path, "csv", name="f", options=options, settings=Settings(home=tmp_path)) as found:
            assert found.duck.execute("select x, y from source").fetchall() == [("€", "é")], encoding
    path.write_bytes("x,y\n€,é\n".encode("utf-16")[:-1])
    with (
        pytest.raises(FileError, match="this is no utf-16"),
        open_records(path, "csv", name="f", settings=Settings(home=tmp_path)),
    ):
        pass
