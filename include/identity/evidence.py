"""What may be known of a person, and how two records' statements of it are compared.

One row per kind of evidence; read by everything that matches: normalising, keys for candidates, the model and
its term frequencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One degree of agreement: its label and its condition on the columns ``{c}_l`` and ``{c}_r``.

    ``prior_m`` and ``prior_u`` stand where the data give no estimate: the share of pairs of one person, and
    of two, that agree in this degree and no better.
    """

    label: str
    condition: str
    prior_m: float
    prior_u: float


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence: a normalised column and the degrees in which two values agree, best first.

    ``household`` is, for evidence that a household's members share, how often they do at least, as a part of
    how often one person's records do; None for what is each one's own. However much that is shared agrees, it
    does not make two people one. ``is_area`` is true for what neighbours share. ``has_frequency`` adjusts the
    best level by how common the value is. ``hub_limit`` is the number of different persons' names above which
    a value is nobody's own. ``most_different`` bounds how often one person's records may differ.
    """

    column: str
    levels: tuple[Level, ...]
    household: float | None = None
    has_frequency: bool = False
    hub_limit: int | None = None
    most_different: float = 1.0
    is_area: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether the evidence is a person's own."""
        return self.household is None


def _jaro(column: str, least: float) -> str:
    return _alike(f"{column}_l", f"{column}_r", least)


def _alike(left: str, right: str, least: float) -> str:
    """Condition of a Jaro-Winkler similarity; a hair less will do, as processors round sums differently."""
    return f'jaro_winkler_similarity("{left}", "{right}") >= {least - 1e-9:.9f}'


def _typos(column: str, most: int) -> str:
    """Condition of at most so many typing errors, in bytes; the costly distance is taken of the few."""
    left, right = f'"{column}_l"', f'"{column}_r"'
    return (
        f"case when abs(strlen({left}) - strlen({right})) > {most} then false"
        f" when strlen({left}) <> strlen({right}) then levenshtein({left}, {right}) <= {most}"
        f" when hamming({left}, {right}) <= {most} then true"
        f" when hamming({left}, {right}) <= {2 * most} then damerau_levenshtein({left}, {right}) <= {most}"
        " else false end"
    )


def _same(column: str) -> str:
    return f'"{column}_l" = "{column}_r"'


def _initial(column: str) -> str:
    left, right = f'"{column}_l"', f'"{column}_r"'
    return f"(length({left}) = 1 or length({right}) = 1) and substr({left}, 1, 1) = substr({right}, 1, 1)"


_SWAPPED = f"{_alike('given_l', 'family_r', 0.88)} and {_alike('family_l', 'given_r', 0.88)}"
_BIRTH_NEAR = (
    f'({_typos("birth", 1)} or (substr("birth_l", 1, 4) = substr("birth_r", 1, 4)'
    ' and substr("birth_l", 6, 2) = substr("birth_r", 9, 2)'
    ' and substr("birth_l", 9, 2) = substr("birth_r", 6, 2))'
    ' or abs(cast("birth_l" as date) - cast("birth_r" as date)) between 28 and 31)'
)
_BIRTH_YEARS = 'abs(cast(substr("birth_l", 1, 4) as integer) - cast(substr("birth_r", 1, 4) as integer)) < 12'
_BIRTH_HALF = 'hamming("birth_l", "birth_r") <= 2'

STANDARD: tuple[Evidence, ...] = (
    Evidence(
        "given",
        (
            Level("same", _same("given"), 0.72, 0.004),
            Level("exchanged with the family name", _SWAPPED, 0.02, 0.00001),
            Level("initial", _initial("given"), 0.06, 0.006),
            Level("much alike", _jaro("given", 0.92), 0.1, 0.002),
            Level("alike", _jaro("given", 0.82), 0.05, 0.01),
        ),
        most_different=0.25,
        has_frequency=True,
    ),
    Evidence(
        "middle",
        (
            Level("same", _same("middle"), 0.8, 0.02),
            Level(
                "initial",
                _initial("middle"),
                0.05,
                0.02,
            ),
            Level("alike", _jaro("middle", 0.88), 0.08, 0.01),
        ),
        most_different=0.5,
    ),
    Evidence(
        "family",
        (
            Level("same", _same("family"), 0.8, 0.004),
            Level("exchanged with the given name", _SWAPPED, 0.02, 0.00001),
            Level("much alike", _jaro("family", 0.92), 0.1, 0.002),
            Level("alike", _jaro("family", 0.82), 0.04, 0.01),
        ),
        household=0.3,
        has_frequency=True,
    ),
    Evidence(
        "birth",
        (
            Level("same", _same("birth"), 0.9, 0.00005),
            Level("a typing error or a month apart", _BIRTH_NEAR, 0.07, 0.003),
            Level("two digits apart", _BIRTH_HALF, 0.02, 0.02),
            Level("less than half a generation apart", _BIRTH_YEARS, 0.01, 0.25),
        ),
        most_different=0.35,
    ),
    Evidence(
        "email",
        (
            Level("same", _same("email"), 0.7, 0.000005),
            Level("same before the @", _same("email_local"), 0.04, 0.00002),
            Level("a typing error apart", _typos("email", 1), 0.06, 0.000005),
        ),
        hub_limit=8,
    ),
    Evidence(
        "phone",
        (
            Level("same", _same("phone"), 0.7, 0.00001),
            Level("a typing error apart", _typos("phone", 1), 0.03, 0.00001),
        ),
        household=0.05,
        hub_limit=8,
    ),
    Evidence("card", (Level("same", _same("card"), 0.9, 0.000001),), hub_limit=4),
    Evidence(
        "national_id",
        (
            Level("same", _same("national_id"), 0.9, 0.000001),
            Level("a typing error apart", _typos("national_id", 1), 0.06, 0.00001),
            Level("two typing errors apart", _typos("national_id", 2), 0.02, 0.0002),
        ),
        most_different=0.3,
        hub_limit=4,
    ),
    Evidence("visitor", (Level("same", _same("visitor"), 0.5, 0.00001),), household=0.05, hub_limit=8),
    Evidence(
        "street",
        (
            Level("same", _same("street"), 0.7, 0.001),
            Level("much alike", _jaro("street", 0.92), 0.1, 0.002),
            Level("alike", _jaro("street", 0.82), 0.05, 0.01),
        ),
        household=0.5,
        has_frequency=True,
    ),
    Evidence("house", (Level("same", _same("house"), 0.8, 0.02),), household=0.5),
    Evidence(
        "postcode",
        (
            Level("same", _same("postcode"), 0.75, 0.001),
            Level("a typing error apart", _typos("postcode", 1), 0.08, 0.005),
        ),
        household=0.8,
        is_area=True,
    ),
    Evidence(
        "city",
        (
            Level("same", _same("city"), 0.8, 0.01),
            Level("much alike", _jaro("city", 0.9), 0.05, 0.005),
        ),
        household=0.8,
        is_area=True,
        has_frequency=True,
    ),
    Evidence("state", (Level("same", _same("state"), 0.9, 0.2),), household=0.8, is_area=True),
)
"""Evidence of the standard columns, in the order in which it is shown."""


def further(column: str) -> Evidence:
    """Evidence of a column that is no standard one, such as an occupation: text that many share."""
    return Evidence(
        column,
        (
            Level("same", _same(column), 0.7, 0.05),
            Level("much alike", _jaro(column, 0.9), 0.1, 0.01),
        ),
        household=0.1,
        has_frequency=True,
    )


KEYS: tuple[tuple[str, ...], ...] = (
    ("national_id",),
    ("card",),
    ("email",),
    ("phone",),
    ("visitor",),
    ("local", "given3"),
    ("local", "family3"),
    ("names", "birth"),
    ("birth", "given3"),
    ("birth", "family3"),
    ("birth", "postcode"),
    ("birth", "city"),
    ("birth",),
    ("names", "postcode"),
    ("names", "city"),
    ("names", "year"),
    ("names", "phone6"),
    ("names",),
    ("street", "house", "given1"),
    ("street", "house"),
    ("street", "given"),
    ("street", "family"),
    ("given", "postcode"),
    ("family", "postcode"),
    ("given", "city"),
    ("family", "city"),
    ("given3", "family3", "year"),
    ("postcode",),
    ("postcode", "given1"),
    ("family", "given1"),
    ("given", "family1"),
    ("family", "year"),
    ("given", "year"),
    ("postcode", "year"),
    ("city", "year"),
    ("family",),
    ("given",),
)
"""Kinds of block keys: parts that two records must share, all of them, to be compared."""

OWN_KEYS = tuple((column,) for column in ("national_id", "card", "email", "phone", "visitor"))
"""Kinds of keys that are always used where the column is known."""

FURTHER_KEYS: tuple[str, ...] = ("given3", "family3", "year", "postcode")
"""Parts that make a kind of key with each further column that is compared."""

KEY_PARTS: dict[str, tuple[str, str]] = {
    "local": ("email_local", "case when length(email_local) >= 5 then email_local end"),
    "names": ("given,family", "least(given, family) || ' ' || greatest(given, family)"),
    "given1": ("given", "substr(given, 1, 1)"),
    "given3": ("given", "substr(given, 1, 3)"),
    "family1": ("family", "substr(family, 1, 1)"),
    "family3": ("family", "substr(family, 1, 3)"),
    "year": ("birth", "substr(birth, 1, 4)"),
    "phone6": ("phone", "right(phone, 6)"),
}
"""Parts of keys that are no columns themselves: the columns that they need, and their expression."""


def part_columns(part: str) -> Sequence[str]:
    """Return the normalised columns that a part of a key is made of."""
    return KEY_PARTS[part][0].split(",") if part in KEY_PARTS else (part,)


def part_expression(part: str) -> str:
    """Return the expression of a part of a key over the normalised columns."""
    return KEY_PARTS[part][1] if part in KEY_PARTS else part
