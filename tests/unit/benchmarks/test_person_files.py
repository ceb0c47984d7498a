"""Files of persons: any spelling of the headers is recognised, nothing but evidence is passed on."""

import gzip
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.person_files import (
    SYNONYMS,
    ColumnMap,
    Trial,
    UnreadableError,
    read_map,
    read_persons,
    spelled,
)

ROWS = "id,who,First Name,surname,DOB\n1,a,Ann,Lee,1980-01-02\n2,a,Anne,Lee,1980-02-01\n3,b,Bo,Ng,\n"


def written(folder: Path, content: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def rows(trial: Trial) -> list[dict[str, str | None]]:
    """Give the records with their person, in the order of the person and the first name."""
    records = trial.records.append_column("person", trial.truth).drop_columns("record_id").to_pylist()
    return sorted(records, key=lambda row: (row["person"], str(list(row.values()))))


def test_synonyms_are_recognised_and_the_rest_stays_away(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "rec,cluster,givenName,SURNAME,Date of Birth,e-mail,Mobile,Phone Number,Zip Code,suburb,address_2,"
        "street_number,Address 1,SSN,state_code,hint\n"
        "r1,p,Ann,Lee,1980-01-02,a@b.c,0401,,2000,Sydney,Flat 2,14,Oak St,123,nsw,p\n",
    )
    trial = read_persons(path, "rec", "cluster")
    assert rows(trial) == [
        {
            "first_name": "Ann",
            "last_name": "Lee",
            "email": "a@b.c",
            "phone": "0401",
            "birth_date": "1980-01-02",
            "street": "14 Oak St Flat 2",
            "city": "Sydney",
            "postcode": "2000",
            "state": "nsw",
            "national_id": "123",
            "person": "p",
        }
    ]


def test_no_header_means_two_things() -> None:
    every = [name for standard, names in SYNONYMS.items() for name in (standard, *names)]
    assert len(every) == len(set(every))
    assert all(spelled(name) == name for name in every)


@pytest.mark.parametrize("header", ["Date of Birth", "dateOfBirth", "DATE-OF-BIRTH", " date_of_birth "])
def test_spelling_of_headers(header: str) -> None:
    assert spelled(header) == "date_of_birth"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_byte_order_mark_delimiter_and_compression(tmp_path: Path, delimiter: str) -> None:
    expected = rows(read_persons(written(tmp_path, ROWS), "id", "who"))
    assert [row["person"] for row in expected] == ["a", "a", "b"]
    other = ("\ufeff" + ROWS.replace(",", delimiter)).replace("\n", "\r\n")
    assert rows(read_persons(written(tmp_path, other, "other.csv"), "ID", "Who")) == expected
    (tmp_path / "other.csv.gz").write_bytes(gzip.compress(other.encode()))
    assert rows(read_persons(tmp_path / "other.csv.gz", "id", "who")) == expected


def test_what_stands_for_missing_is_missing_and_floats_are_numbers(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "id,who,first_name,last_name,postcode,phone\n1,a,NULL, nan ,2602.0,\n"
        '2,b,"O\'Brien, Jr","Smith ""Bo""",2602,12.50\n',
    )
    first, second = rows(read_persons(path, "id", "who"))
    assert first == {"first_name": None, "last_name": None, "postcode": "2602", "phone": None, "person": "a"}
    assert (second["first_name"], second["last_name"], second["phone"]) == (
        "O'Brien, Jr",
        'Smith "Bo"',
        "12.50",
    )


def test_ids_and_order_do_not_tell_the_truth(tmp_path: Path) -> None:
    lines = [f"person{n // 2}-{n % 2},person{n // 2},Ann" for n in range(200)]
    trial = read_persons(written(tmp_path, "\n".join(["id,who,name", *lines])), "id", "who")
    assert trial.records["record_id"].to_pylist() == [str(n) for n in range(1, 201)]
    truth = trial.truth.to_pylist()
    assert sum(a == b for a, b in pairwise(truth)) < 20
    assert sorted(truth) == sorted(line.split(",")[1] for line in lines)


def test_a_map_names_joins_leaves_out_and_adds(tmp_path: Path) -> None:
    people = written(
        tmp_path, "id,who,vorname,zweitname,surname,y,m,d,job,city\n1,a,Ann,Eva,Lee,1980,1,2,nurse,Bonn\n"
    )
    mapping = written(
        tmp_path,
        "first_name: [vorname, zweitname]\nbirth_date: [y, m, d]\ncity:\nextra: [job]\n",
        "map.yml",
    )
    trial = read_persons(people, "id", "who", read_map(mapping))
    assert trial.extra_columns == ("job",)
    assert rows(trial) == [
        {
            "first_name": "Ann Eva",
            "birth_date": "1980-1-2",
            "job": "nurse",
            "last_name": "Lee",
            "person": "a",
        }
    ]


def test_the_person_may_be_a_part_of_the_truth_column(tmp_path: Path) -> None:
    path = written(tmp_path, "rec_id, surname\nrec-1-org, lee\nrec-1-dup-0, lea\nrec-12-org, ng\n")
    trial = read_persons(path, "rec_id", "rec_id", truth_pattern=r"rec-(\d+)-")
    assert sorted(trial.truth.to_pylist()) == ["1", "1", "12"]
    assert trial.records.column_names == ["record_id", "last_name"]


def test_several_files_are_one(tmp_path: Path) -> None:
    other = written(tmp_path, "who,id,surname,First Name,DOB\nb,4,Ng,Bo,\n", "other.csv")
    trial = read_persons([written(tmp_path, ROWS), other], "id", "who")
    assert sorted(trial.truth.to_pylist()) == ["a", "a", "b", "b"]
    assert isinstance(trial.truth, pa.Array)


@pytest.mark.parametrize(
    ("content", "columns", "says"),
    [
        (ROWS, ("nr", "who"), "there is no column 'nr' .*its columns are id, who, First Name, surname, DOB"),
        (ROWS, ("id", "person"), "there is no column 'person'"),
        (ROWS.replace("3,b", "2,b"), ("id", "who"), "1 ids in column 'id' .* repeat, such as '2'"),
        (ROWS.replace("3,b", ",b"), ("id", "who"), "1 rows .* have no 'id'"),
        (ROWS.replace("3,b", "3,NULL"), ("id", "who"), "1 rows .* say nothing in 'who'"),
        ("id,who,colour\n1,a,red\n", ("id", "who"), "no column .* is recognised among id, who, colour"),
        ("id,who,surname\n", ("id", "who"), "has no rows"),
        ("", ("id", "who"), "cannot read|there is no column 'id'|has no rows"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, content: str, columns: tuple[str, str], says: str
) -> None:
    with pytest.raises(UnreadableError, match=says):
        read_persons(written(tmp_path, content), *columns)


def test_an_absent_or_foreign_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"there is no file .*nowhere\.csv"):
        read_persons(tmp_path / "nowhere.csv", "id", "who")
    (tmp_path / "latin.csv").write_bytes("id,who,name\n1,a,Müller\n".encode("latin-1"))
    with pytest.raises(UnreadableError, match="UTF-8"):
        read_persons(tmp_path / "latin.csv", "id", "who")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("first_name: [a", "not valid YAML"),
        ("- first_name", "has to map standard names"),
        ("", "has to map standard names"),
        ("vorname: first_name", "'vorname' is no standard name; there are tenant_id"),
        ("first_name: {a: b}", "has to name a column"),
        ("first_name: nix", "there is no column 'nix'"),
        ("extra: [nix]", "there is no column 'nix'"),
        ("extra: [surname]", None),
        ("extra: [city]", "map it as 'city'"),
        ("last_name: who", "is the truth"),
        ("extra: [WHO]", "is the truth"),
    ],
)
def test_what_is_wrong_with_a_map_is_said(tmp_path: Path, content: str, says: str | None) -> None:
    people = written(tmp_path, "id,who,surname,city\n1,a,Lee,Bonn\n")
    mapping = written(tmp_path, content, "map.yml")
    if says is None:
        assert read_persons(people, "id", "who", read_map(mapping)).extra_columns == ("surname",)
        return
    with pytest.raises(UnreadableError, match=says):
        read_persons(people, "id", "who", read_map(mapping))


def test_an_absent_map_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot read the map"):
        read_map(tmp_path / "map.yml")


def test_a_map_of_nothing_leaves_all_recognised(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    assert rows(read_persons(path, "id", "who", ColumnMap())) == rows(read_persons(path, "id", "who"))
