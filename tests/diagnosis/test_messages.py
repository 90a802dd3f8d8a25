"""The table of messages: that each is found as it is written, and claims only what it may."""

import pytest

from veeamcheck.diagnosis.codes import find_words, known_words
from veeamcheck.diagnosis.messages import (
    MESSAGES,
    SUBJECTS,
    Message,
    find_messages,
    find_subjects,
    most_telling,
    ports_of,
)
from veeamcheck.model import ReasonCode, Signal, Verdict


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.id)
def test_each_phrase_and_code_is_found(message: Message) -> None:
    for phrase in message.phrases:
        assert phrase == phrase.lower()
        assert message in find_messages(f"[22:00:01] error {phrase}.")
    for code in message.codes:
        said = "errno" if code < 1000 else "error code:"
        assert find_messages(f"failed, {said} {code}") == (message,)
    ports_of(message.ports)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.id)
def test_each_says_what_it_leaves_open_and_who_should_look(message: Message) -> None:
    assert message.signals
    assert message.who
    for text in (message.means, message.unsure, message.check):
        assert text.endswith(".")


def test_no_phrase_or_code_has_two_meanings() -> None:
    phrases = [phrase for message in MESSAGES for phrase in message.phrases]
    codes = [code for message in MESSAGES for code in message.codes]
    assert len(phrases) == len(set(phrases))
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("line", ["<10061> ok", "10060 blocks", "error 110", "error count 10060"])
def test_a_number_that_is_no_error_is_none(line: str) -> None:
    assert find_messages(line) == ()


def test_what_says_more_comes_without_the_vague() -> None:
    found = find_messages("failed to connect: connection refused")
    assert [message.id for message in found] == ["refused", "not-connected"]
    assert [message.id for message in most_telling(found)] == ["refused"]
    vague = find_messages("failed to connect")
    assert most_telling(vague) == vague


def test_each_subject_is_found_and_says_something() -> None:
    for subject in SUBJECTS:
        for phrase in subject.phrases:
            assert subject in find_subjects(f"to the {phrase}!")
        assert ports_of(subject.ports) or subject.role


def test_every_word_of_a_report_is_explained() -> None:
    assert set(known_words()) == {*Signal, *Verdict, *ReasonCode}
    for word in known_words():
        assert all(each.means.endswith(".") for each in find_words(word.upper()))
