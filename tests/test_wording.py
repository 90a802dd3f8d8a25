import pytest

from veeamcheck.wording import counted, inert, listed


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 flows"), (1, "1 flow"), (2, "2 flows"), (10000, "10,000 flows")],
)
def test_counts_are_spoken(number: int, text: str) -> None:
    assert counted(number, "flow") == text


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "a", "c"], "a, b and c"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_lists_name_each_once_and_count_the_rest(items: list[str], text: str) -> None:
    assert listed(items) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("repo1", "repo1"),
        ("größer – 見", "größer – 見"),
        ("two\n lines\t", "two lines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("bytes \udcff", "bytes \\udcff"),
    ],
)
def test_nothing_in_a_text_is_obeyed(text: str, shown: str) -> None:
    assert inert(text) == shown
