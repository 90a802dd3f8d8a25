"""What README and manual say is what the code does."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from veeamcheck.cli._exit import Status
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import ReasonCode, Signal, Verdict

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
VERDICTS = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script behind `make docs`."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_as_the_code_has_them(generate: ModuleType, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.with_parts(text) == text, "run: make docs"


def test_every_generated_part_stands_somewhere(generate: ModuleType) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in generate.PARTS:
        assert f"<!-- generated: {name} -->" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8"))
        local = ((page.parent / link).resolve() for link in links if "://" not in link)
        ahead += set(local) - reached
    assert set(PAGES) <= reached


def test_links_to_a_section_name_one() -> None:
    """As GitHub names them: in lower case, dashes for spaces, without other signs."""
    for page in PAGES:
        for link, section in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text("utf-8")):
            if "://" not in link:
                text = (page.parent / link if link else page).read_text("utf-8")
                headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
                names = {
                    re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in headings
                }
                assert section in names, f"{page.name}: {link}#{section}"


def rows(text: str, heading: str) -> list[list[str]]:
    """The first table below a heading, without its head."""
    below = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_exit_status_is_explained() -> None:
    assert [int(row[0]) for row in rows(README, "Exit statuses")] == list(Status)


@pytest.mark.parametrize(
    ("text", "heading"), [(README, "What the verdicts mean"), (VERDICTS, "Verdicts")]
)
def test_every_verdict_is_explained(text: str, heading: str) -> None:
    assert {row[0].strip("`") for row in rows(text, heading)} == set(Verdict)


def test_every_signal_is_explained() -> None:
    assert [row[0].strip("`") for row in rows(VERDICTS, "Signals: what was seen on one port")] == [
        *Signal
    ]


def test_every_reason_is_explained() -> None:
    reasons = " ".join(row[1] for row in rows(VERDICTS, "Verdicts"))
    assert set(re.findall(r"`([a-z-]+)`", reasons)) == set(ReasonCode)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_toml_examples_are_toml_and_whole_inventories_valid(page: Path) -> None:
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if "hosts" in tomllib.loads(example):
            assert parse_inventory(example, page.name).warnings == ()


def test_the_picture_is_of_the_demo() -> None:
    picture = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
    for word in ("veeamcheck-demo.toml", "pve2", "repo1", "6162"):
        assert word in picture
