"""Tokens: signed, spelled one way, judged at the click, rotated without a gap."""

import base64
import hmac
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.tracking.tokens import (
    TOKEN_CHARS,
    KeyRing,
    Refusal,
    TokenRecord,
    due_for_rotation,
    issue,
    revoke,
    rotate,
    verify,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32
KEYS = KeyRing({"k1": OLD})
ALPHABET = string.ascii_letters + string.digits + "-_"


def token(**changes: object) -> TokenRecord:
    """Issue the token that most tests start from."""
    start: dict[str, object] = {"tenant_id": "acme", "kol_id": "kol-1", "campaign_id": "spring", "at": NOON}
    return issue(KEYS, **(start | changes))  # type: ignore[arg-type]


def refusal(text: str | None, at: datetime = NOON, keys: KeyRing = KEYS) -> Refusal | None:
    """Return why a token is refused."""
    return verify(keys, text, at).refusal


def test_a_fresh_token_is_accepted_short_and_url_safe() -> None:
    record = token()
    verdict = verify(KEYS, record.token, NOON)
    assert verdict.accepted
    assert verdict.token_id == record.token_id
    assert len(record.token) == TOKEN_CHARS <= 80
    assert set(record.token) <= set(ALPHABET)


def test_the_signature_is_the_documented_hmac() -> None:
    """An independent computation of the code, from the docstring alone."""
    raw = base64.urlsafe_b64decode(token(token_id=bytes(range(12))).token)
    code = hmac.new(OLD, b"sokol-tracking-token\x00" + raw[:31], "sha256").digest()[:20]
    assert raw[:9] == b"\x01k1\x00\x00\x00\x00\x00\x00"
    assert raw[9:21] == bytes(range(12))
    assert int.from_bytes(raw[21:26], "big") == int(NOON.timestamp())
    assert int.from_bytes(raw[26:31], "big") == int(NOON.timestamp()) + 48 * 3600
    assert raw[31:] == code


def test_every_flipped_bit_is_refused() -> None:
    raw = base64.urlsafe_b64decode(token().token)
    for bit in range(len(raw) * 8):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        assert refusal(base64.urlsafe_b64encode(bytes(altered)).decode()) is not None, f"bit {bit}"


def test_every_other_character_at_every_place_is_refused() -> None:
    text = token().token
    for place in range(len(text)):
        for character in ALPHABET:
            if character != text[place]:
                assert refusal(text[:place] + character + text[place + 1 :]) is not None, (place, character)


@given(st.integers(0, TOKEN_CHARS), st.sampled_from([*" \t\n\r=.+/%é\x00", "a", "\u212a"]))
def test_no_second_spelling_by_an_inserted_character(place: int, character: str) -> None:
    text = token(token_id=b"t" * 12).token
    assert refusal(text[:place] + character + text[place:]) is Refusal.MALFORMED


@given(st.text(max_size=120))
def test_any_text_gives_a_reason_and_never_an_error(text: str) -> None:
    assert refusal(text) is not None


@given(st.binary(min_size=51, max_size=51))
def test_random_tokens_are_refused(raw: bytes) -> None:
    assert refusal(base64.urlsafe_b64encode(raw).decode()) is not None


@pytest.mark.parametrize("text", [None, ""])
def test_no_token_is_missing(text: str | None) -> None:
    assert refusal(text) is Refusal.MISSING


@pytest.mark.parametrize("form", ["{}=", "{}\n", " {}", "{}A", "{}AAAA"])
def test_another_length_or_padding_is_malformed(form: str) -> None:
    text = token().token
    assert refusal(form.format(text)) is Refusal.MALFORMED
    assert refusal(text[:-1]) is Refusal.MALFORMED


def altered(place: int, value: bytes, **values: Any) -> str:
    """Write bytes into a token without signing again."""
    raw = bytearray(base64.urlsafe_b64decode(token(**values).token))
    raw[place : place + len(value)] = value
    return base64.urlsafe_b64encode(bytes(raw)).decode()


def test_each_altered_field_has_its_reason() -> None:
    assert refusal(altered(0, b"\x02")) is Refusal.UNSUPPORTED_VERSION
    assert refusal(altered(1, b"k2")) is Refusal.UNKNOWN_KEY
    assert refusal(altered(1, b"k1\x00x")) is Refusal.MALFORMED
    assert refusal(altered(1, b"\xff")) is Refusal.MALFORMED
    assert refusal(altered(9, b"\x00\x01\x02")) is Refusal.BAD_SIGNATURE
    assert refusal(altered(26, b"\xff")) is Refusal.BAD_SIGNATURE
    last = base64.urlsafe_b64decode(token(token_id=b"z" * 12).token)[50]
    assert refusal(altered(50, bytes([last ^ 1]), token_id=b"z" * 12)) is Refusal.BAD_SIGNATURE


def test_the_window_is_from_issue_to_before_expiry() -> None:
    text = token().token
    tick = timedelta(microseconds=1)
    assert refusal(text, NOON - tick) is Refusal.NOT_YET_VALID
    assert refusal(text, NOON) is None
    assert refusal(text, NOON + timedelta(hours=48) - tick) is None
    assert refusal(text, NOON + timedelta(hours=48)) is Refusal.EXPIRED


def test_the_zone_of_an_instant_does_not_matter() -> None:
    hanoi = NOON.astimezone(timezone(timedelta(hours=7)))
    assert token(at=hanoi, token_id=b"z" * 12).token == token(token_id=b"z" * 12).token
    assert refusal(token().token, hanoi) is None


def test_naive_instants_and_bad_arguments_are_errors() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        token(at=datetime(2026, 3, 1))
    with pytest.raises(ValueError, match="under one second"):
        token(lifetime=timedelta(0))
    with pytest.raises(ValueError, match="12 bytes"):
        token(token_id=b"short")


def test_keys_rotate_without_downtime() -> None:
    before = token()
    overlap = KeyRing({"k2": NEW, "k1": OLD})
    after = issue(overlap, tenant_id="acme", kol_id="kol-1", at=NOON)
    assert after.key_id == "k2"
    assert refusal(before.token, keys=overlap) is None
    assert refusal(after.token, keys=KeyRing({"k1": OLD, "k2": NEW})) is None
    assert refusal(before.token, keys=KeyRing({"k2": NEW})) is Refusal.UNKNOWN_KEY
    assert refusal(before.token, keys=KeyRing({"k1": NEW})) is Refusal.BAD_SIGNATURE


def test_a_revoked_token_counts_up_to_its_revocation() -> None:
    record = token()
    revoked = revoke(record, NOON + timedelta(hours=1))
    registry = {revoked.token_id: revoked}
    assert verify(KEYS, record.token, NOON, registry.get).accepted
    late = verify(KEYS, record.token, NOON + timedelta(hours=1), registry.get)
    assert late.refusal is Refusal.REVOKED
    assert revoked.updated_at > record.updated_at


def test_the_earliest_revocation_stays_and_one_dated_back_is_the_newer_record() -> None:
    record = token()
    first = revoke(record, NOON + timedelta(hours=1))
    assert revoke(first, NOON + timedelta(hours=2)) == first
    earlier = revoke(first, NOON - timedelta(hours=2))
    assert earlier.revoked_at == NOON - timedelta(hours=2)
    assert earlier.updated_at > first.updated_at


def test_a_token_that_is_not_landed_is_not_registered() -> None:
    record, other = token(), token()
    assert verify(KEYS, record.token, NOON, lambda _: None).refusal is Refusal.NOT_REGISTERED
    wrong = {record.token_id: other}
    assert verify(KEYS, record.token, NOON, wrong.get).refusal is Refusal.NOT_REGISTERED


def test_rotation_is_daily_leaves_no_gap_and_is_owed_once() -> None:
    first = token()
    other_link = token(link_url="https://shop.example/b")
    assert rotate(KEYS, [first, other_link], NOON + timedelta(hours=23)) == []
    next_day = NOON + timedelta(hours=24)
    fresh = rotate(KEYS, [first, other_link], next_day)
    assert {record.link for record in fresh} == {first.link, other_link.link}
    assert {record.issued_at for record in fresh} == {next_day}
    assert refusal(first.token, next_day) is None, "the token replaced stays valid for another day"
    assert rotate(KEYS, [first, other_link, *fresh], next_day) == []


def test_a_revoked_link_is_not_rotated() -> None:
    gone = revoke(token(), NOON + timedelta(hours=1))
    assert due_for_rotation([gone], NOON + timedelta(days=2)) == []


def test_the_ring_is_read_from_text() -> None:
    secret = base64.urlsafe_b64encode(OLD).decode().rstrip("=")
    ring = KeyRing.parse(f" k1:{secret} , k2:{'x' * 43},")
    assert ring.signing_key_id == "k1"
    assert refusal(token().token, keys=ring) is None
    assert secret not in repr(ring)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "key ring is empty"),
        ("k1", "entry 1 is not id:secret"),
        ("k1:" + "x" * 43 + ",k1:" + "x" * 43, "twice"),
        ("K1:" + "x" * 43, "1 to 8 characters"),
        ("k1:short", "not unpadded base64url"),
        ("k1:shorts", "at least 32"),
        ("k1:" + "+" * 43, "not unpadded base64url"),
    ],
)
def test_a_bad_ring_says_what_is_wrong(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        KeyRing.parse(text)
