"""Signatures: the vectors of the Standard Webhooks specification and of its libraries, and what must be refused."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.errors import SignatureError
from rota.signature import LEAST_BYTES, MOST_BYTES, PREFIX, TOLERANCE, secret_bytes, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = PREFIX + base64.b64encode(b"another secret of 32 bytes......").decode()


def check(*secrets: str, **changed: Any) -> None:
    """Verify the specification's request, with what is `changed` about it."""
    as_signed = {
        "message_id": MESSAGE_ID,
        "timestamp": str(TIMESTAMP),
        "signature": SIGNATURE,
        "body": BODY,
        "now": TIMESTAMP,
    }
    verify(secrets or (SECRET,), **as_signed | changed)


def refused(match: str, *secrets: str, **changed: Any) -> None:
    with pytest.raises(SignatureError, match=match):
        check(*secrets, **changed)


def test_the_specifications_vector() -> None:
    assert sign(SECRET, message_id=MESSAGE_ID, timestamp=TIMESTAMP, body=BODY) == SIGNATURE
    check()


def test_a_secret_counts_with_and_without_its_prefix() -> None:
    bare = SECRET.removeprefix(PREFIX)
    assert sign(bare, message_id=MESSAGE_ID, timestamp=TIMESTAMP, body=BODY) == SIGNATURE
    check(bare)


@pytest.mark.parametrize(
    "header",
    [
        f"{SIGNATURE} v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
        f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {SIGNATURE}",
        f"v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {SIGNATURE}",
        f"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {SIGNATURE}",
        f"{SIGNATURE} v1 v1, garbage ,,",
        f"  {SIGNATURE}",
        " ".join(["v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="] * 15 + [SIGNATURE]),
    ],
    ids=["first", "last", "other version before", "asymmetric before", "rubbish after", "blanks", "the 16th"],
)
def test_one_of_several_signatures_is_enough(header: str) -> None:
    check(signature=header)


@pytest.mark.parametrize(
    "header",
    [
        "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
        SIGNATURE[:-1],
        SIGNATURE.rstrip("="),
        SIGNATURE + "=",
        SIGNATURE + "\n",
        SIGNATURE.replace("/", "_").replace("+", "-"),
        "v1,",
        "v1,ä",
        "v1,\udcff",
        " ".join(["v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="] * 16 + [SIGNATURE]),
    ],
    ids=[
        "another",
        "cut",
        "without padding",
        "more padding",
        "a line end",
        "base64 for URLs",
        "empty",
        "not ASCII",
        "no text",
        "the 17th",
    ],
)
def test_what_is_not_the_signature_is_refused(header: str) -> None:
    refused("no signature is of a key", signature=header)


@pytest.mark.parametrize(
    "header",
    ["", " ", "v1", SIGNATURE.removeprefix("v1,"), SIGNATURE.replace("v1", "v2"), SIGNATURE.replace("v1", "V1")],
)
def test_without_a_signature_of_version_1_nothing_is_compared(header: str) -> None:
    refused("no v1 signature", signature=header)


@pytest.mark.parametrize("away", [-TOLERANCE, -1, 0, 0.5, TOLERANCE])
def test_a_timestamp_may_be_five_minutes_off(away: float) -> None:
    check(now=TIMESTAMP + away)


@pytest.mark.parametrize("away", [-TOLERANCE - 0.5, TOLERANCE + 0.5, 1e9, -1e9])
def test_an_old_or_early_timestamp_is_refused(away: float) -> None:
    refused("s away, at most 300", now=TIMESTAMP + away)


def test_the_tolerance_may_be_another() -> None:
    check(now=TIMESTAMP + 9, tolerance=10)
    refused("at most 10", now=TIMESTAMP + 11, tolerance=10)


@pytest.mark.parametrize(
    "timestamp",
    [
        *("", "x", "-1", "+1614265330", " 1614265330", "1614265330\n", "1614265330.0", "1_614_265_330", "1e9", "0x60"),
        *("nan", "inf", "١٦١٤٢٦٥٣٣٠", "²", "1614265330" * 500, "2021-02-25T15:02:10Z"),
    ],
)
def test_a_timestamp_is_digits(timestamp: str) -> None:
    refused("must be seconds since 1970", timestamp=timestamp)


def test_digits_that_say_the_same_are_not_what_was_signed() -> None:
    refused("no signature is of a key", timestamp=f"0{TIMESTAMP}")


def test_no_id_is_refused() -> None:
    refused("there is no webhook-id", message_id="")


def test_a_second_key_counts_and_no_key_counts_for_nothing() -> None:
    check(OTHER, SECRET)
    check(SECRET, OTHER)
    refused("no signature is of a key", OTHER)
    with pytest.raises(SignatureError, match="no signature is of a key"):
        verify([], message_id=MESSAGE_ID, timestamp=str(TIMESTAMP), signature=SIGNATURE, body=BODY, now=TIMESTAMP)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("", "has 24 to 64 bytes; this one has 0"),
        (PREFIX, "has 24 to 64 bytes; this one has 0"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", "base64"),
        ("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSä", "base64"),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
        (PREFIX + base64.b64encode(bytes(LEAST_BYTES - 1)).decode(), "this one has 23"),
        (PREFIX + base64.b64encode(bytes(MOST_BYTES + 1)).decode(), "this one has 65"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_and_not_shown(secret: str, reason: str) -> None:
    for attempt in (lambda: sign(secret, message_id=MESSAGE_ID, timestamp=TIMESTAMP, body=BODY), lambda: check(secret)):
        with pytest.raises(SignatureError, match=reason) as caught:
            attempt()
        assert "MfKQ9r8" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("length", [LEAST_BYTES, MOST_BYTES])
def test_the_lengths_that_a_secret_may_have(length: int) -> None:
    assert secret_bytes(PREFIX + base64.b64encode(bytes(length)).decode()) == bytes(length)


secrets = st.binary(min_size=LEAST_BYTES, max_size=MOST_BYTES).map(lambda raw: PREFIX + base64.b64encode(raw).decode())
ids = st.text(st.characters(codec="utf-8"), min_size=1)
instants = st.integers(0, 10**12 - 1)
anything = st.text(st.characters())  # surrogates too, as where bytes were read as text


@given(st.lists(secrets, min_size=1, max_size=3), ids, instants, st.binary(), st.integers(-TOLERANCE, TOLERANCE))
def test_what_one_signs_the_other_accepts(
    several: list[str], message_id: str, timestamp: int, body: bytes, away: int
) -> None:
    header = " ".join(sign(each, message_id=message_id, timestamp=timestamp, body=body) for each in several)
    for each in several:
        verify(
            [each],
            message_id=message_id,
            timestamp=str(timestamp),
            signature=header,
            body=body,
            now=float(timestamp + away),
        )


@given(st.data(), secrets, ids, instants, st.binary())
def test_any_single_change_is_refused(
    data: st.DataObject, secret: str, message_id: str, timestamp: int, body: bytes
) -> None:
    request: dict[str, Any] = {
        "secret": secret,
        "message_id": message_id,
        "timestamp": str(timestamp),
        "signature": sign(secret, message_id=message_id, timestamp=timestamp, body=body),
        "body": body,
    }
    changed = data.draw(st.sampled_from(sorted(request)))
    if changed == "secret":
        # HMAC fills a key up with zeros: one that ends in some is the same as without them.
        other = data.draw(secrets.filter(lambda one: hmac_key(one) != hmac_key(secret)))
    elif changed == "signature":
        # With a blank before or after, it still stands there.
        other = data.draw(edits(request[changed]).filter(lambda header: request["signature"] not in header.split(" ")))
    else:
        other = data.draw(edits(request[changed]))
    request[changed] = other
    with pytest.raises(SignatureError):
        verify([request.pop("secret")], **request, now=timestamp)


@given(anything, anything | instants.map(str), anything | anything.map("v1,{}".format), st.binary())
def test_nothing_but_a_signature_error_comes_of_any_headers(
    message_id: str, timestamp: str, signature: str, body: bytes
) -> None:
    with pytest.raises(SignatureError):
        verify([SECRET], message_id=message_id, timestamp=timestamp, signature=signature, body=body, now=0)


def hmac_key(secret: str) -> bytes:
    return secret_bytes(secret).ljust(64, b"\0")


def edits(value: Any) -> st.SearchStrategy[Any]:
    """The same with one character or byte put in, taken away or changed; never the same."""
    some = st.binary(max_size=1) if isinstance(value, bytes) else st.text(st.characters(codec="utf-8"), max_size=1)
    return (
        st.tuples(st.integers(0, len(value)), st.integers(0, 1), some)
        .map(lambda edit: value[: edit[0]] + edit[2] + value[edit[0] + edit[1] :])
        .filter(lambda other: other != value)
    )
