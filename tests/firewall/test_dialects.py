"""Every dialect: what it says, and that names and reasons never become part of a rule."""

import csv
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import StringIO

import pytest
import tree_sitter_powershell
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tree_sitter import Language, Node, Parser

from tests.samples import DOCUMENT
from veeamcheck.firewall.connections import End
from veeamcheck.firewall.dialects import Request, RequestError, dialect, dialects
from veeamcheck.firewall.dialects.csv import COLUMNS
from veeamcheck.firewall.openings import LeftOut, Opening
from veeamcheck.model import RuleNote, Transport
from veeamcheck.ports import PortSet

NFT_RULE = re.compile(
    r"(add|flush) chain inet filter NAME"
    r"|add rule inet filter NAME ct state established,related accept"
    r"|add rule inet filter NAME ip6? saddr (\{ [\da-f.:, ]+ \}|[\da-f.:]+)"
    r" ip6? daddr (\{ [\da-f.:, ]+ \}|[\da-f.:]+)"
    r' (tcp|udp) dport (\{ [\d, -]+ \}|[\d-]+) accept comment "[A-Za-z0-9 ,._-]{0,127}"'
    r'|insert rule inet filter \w+ jump NAME comment "NAME"'.replace(
        "NAME", "veeamcheck(?:-in|-out)?"
    )
)
PVE_RULE = re.compile(
    r"(IN|OUT|FORWARD) ACCEPT -source [\da-f.:,]+ -dest [\da-f.:,]+ -p (tcp|udp) -dport [\d,:]+"
    r" # veeamcheck: [A-Za-z0-9 ,._-]*"
)
POWERSHELL = Parser(Language(tree_sitter_powershell.language()))
MARKDOWN = MarkdownIt("gfm-like")


def rule(name: str = "worker-pve-ssh", purpose: str = "It signs in.", **more: str) -> RuleNote:
    return RuleNote(
        **{
            "id": name, "rule_set": "veeam-pve", "section": "Workers", "row": 2,
            "purpose": purpose, "breaks": "", "document": DOCUMENT, **more,
        }  # type: ignore[arg-type]
    )  # fmt: skip


def opening(
    sources: str, targets: str, ports: str, *rules: RuleNote, transport: Transport = Transport.TCP
) -> Opening:
    """Ends are written ``vbr1=10.0.10.5 vbr2=10.0.10.6``."""

    def ends(text: str) -> tuple[End, ...]:
        return tuple(End(*each.split("=")) for each in text.split())

    return Opening(
        sources=ends(sources), targets=ends(targets), transport=transport,
        ports=PortSet.parse(ports), rules=rules or (rule(),),
    )  # fmt: skip


INTO = opening("vbr1=10.0.10.5 worker1=10.0.20.11", "pve1=10.0.10.20", "22,8006")
OUT_OF = opening("pve1=fd00::20", "ntp1=fd00::2", "123", transport=Transport.UDP)
DATA = opening("vbr1=10.0.10.5", "pve1=10.0.10.20", "2500-3300")
SAMPLE = Request(
    openings=(INTO, DATA, OUT_OF),
    left_out=(LeftOut(opening("vbr1=10.0.10.5", "pve1=pve1.example.com", "22"), "no address"),),
    host="pve1",
    made_of="a sample",
)


def render(name: str, request: Request) -> str:
    return dialect(name).render(request)


def code_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_dialects_are_the_files() -> None:
    assert dialects() == ["csv", "markdown", "nftables", "pve", "windows"]
    with pytest.raises(KeyError):
        dialect("_words")


@pytest.mark.parametrize("name", dialects())
def test_the_same_request_gives_the_same_text_of_one_encoding(name: str) -> None:
    text = render(name, SAMPLE)
    assert text == render(name, SAMPLE)
    assert text.isascii()
    assert text.endswith("\n")


# --- nftables --------------------------------------------------------------------------------


def test_nftables_in_between() -> None:
    assert code_lines(render("nftables", replace(SAMPLE, host=None))) == [
        "add chain inet filter veeamcheck",
        "flush chain inet filter veeamcheck",
        "add rule inet filter veeamcheck ct state established,related accept",
        "add rule inet filter veeamcheck ip saddr { 10.0.10.5, 10.0.20.11 } ip daddr 10.0.10.20"
        ' tcp dport { 22, 8006 } accept comment "worker-pve-ssh"',
        "add rule inet filter veeamcheck ip saddr 10.0.10.5 ip daddr 10.0.10.20"
        ' tcp dport 2500-3300 accept comment "worker-pve-ssh"',
        "add rule inet filter veeamcheck ip6 saddr fd00::20 ip6 daddr fd00::2"
        ' udp dport 123 accept comment "worker-pve-ssh"',
        'insert rule inet filter forward jump veeamcheck comment "veeamcheck"',
    ]


def test_nftables_of_a_host_has_a_chain_for_each_way() -> None:
    lines = code_lines(render("nftables", SAMPLE))
    assert [line for line in lines if "insert" in line] == [
        'insert rule inet filter input jump veeamcheck-in comment "veeamcheck-in"',
        'insert rule inet filter output jump veeamcheck-out comment "veeamcheck-out"',
    ]
    assert sum("veeamcheck-in ip " in line for line in lines) == 2
    assert sum("veeamcheck-out ip6 " in line for line in lines) == 1


def test_nftables_lets_replies_through_both_ways_also_where_all_goes_one_way() -> None:
    text = render("nftables", replace(SAMPLE, openings=(INTO,)))
    for chain in ("veeamcheck-in", "veeamcheck-out"):
        assert f"add rule inet filter {chain} ct state established,related accept\n" in text


def test_nftables_leaves_out_what_its_chains_cannot_hold_and_says_so() -> None:
    own = render("nftables", replace(SAMPLE, chains=("inet site in",)))
    assert "insert rule inet site in jump veeamcheck-in" in own
    assert "(fd00::2) udp 123 (worker-pve-ssh): no chain was named for what leaves" in own
    four = render("nftables", replace(SAMPLE, host=None, chains=("ip filter FORWARD",)))
    assert "ip6 saddr" not in four
    assert "(fd00::2) udp 123 (worker-pve-ssh): ip filter is not for IPv6" in four


@pytest.mark.parametrize(
    ("host", "chains"),
    [
        (None, ["forward"]),
        (None, ["inet filter forward; flush ruleset"]),
        (None, ["inet filter forward\nflush ruleset"]),
        (None, ["bridge filter forward"]),
        (None, ["inet filter forward", "inet filter output"]),
        ("pve1", ["inet f input", "inet f output", "inet f forward"]),
    ],
)
def test_nftables_takes_only_chains(host: str | None, chains: list[str]) -> None:
    with pytest.raises(RequestError):
        render("nftables", replace(SAMPLE, host=host, chains=tuple(chains)))


def test_nothing_to_open_changes_nothing() -> None:
    nothing = replace(SAMPLE, openings=())
    assert code_lines(render("nftables", nothing)) == []
    assert code_lines(render("pve", nothing)) == []
    assert "New-NetFirewallRule" not in render("windows", nothing)
    assert render("csv", nothing) == f"{','.join(COLUMNS)}\n"


# --- Proxmox VE ------------------------------------------------------------------------------


def test_pve_of_a_host_and_in_between() -> None:
    ends = [
        "ACCEPT -source 10.0.10.5,10.0.20.11 -dest 10.0.10.20 -p tcp -dport 22,8006",
        "ACCEPT -source 10.0.10.5 -dest 10.0.10.20 -p tcp -dport 2500:3300",
        "ACCEPT -source fd00::20 -dest fd00::2 -p udp -dport 123",
    ]
    for host, ways in ("pve1", ("IN", "IN", "OUT")), (None, ("FORWARD",) * 3):
        assert code_lines(render("pve", replace(SAMPLE, host=host))) == [
            "[RULES]",
            *(
                f"{way} {end} # veeamcheck: worker-pve-ssh"
                for way, end in zip(ways, ends, strict=True)
            ),
        ]


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=60), st.booleans())
def test_pve_splits_lists_of_ports_that_are_too_long(chosen: set[int], runs: bool) -> None:
    ports = PortSet.of(each for port in chosen for each in (port, min(port + runs, 65535)))
    asked = replace(INTO, ports=ports)
    lists = re.findall(r"-dport (\S+)", render("pve", replace(SAMPLE, openings=(asked,))))
    assert all(len(re.split("[,:]", each)) <= 15 for each in lists)
    assert PortSet.parse(",".join(lists).replace(":", "-")) == ports


# --- Windows ---------------------------------------------------------------------------------


def commands(text: str) -> list[str]:
    """The commands of a PowerShell script, by the grammar; AssertionError where it is none."""

    def walk(node: Node) -> Iterator[Node]:
        yield node
        for child in node.children:
            yield from walk(child)

    nodes = list(walk(POWERSHELL.parse(text.encode()).root_node))
    wrong = [node for node in nodes if node.is_error or node.is_missing]
    assert not wrong, wrong
    return [(node.text or b"").decode() for node in nodes if node.type == "command_name"]


def test_windows_opens_each_way_on_the_hosts_own_side() -> None:
    text = render("windows", SAMPLE)
    made = [line.split(" | ")[0].strip() for line in text.splitlines() if "New-Net" in line]
    assert [re.sub(".* -Direction", "-Direction", line) for line in made] == [
        "-Direction Inbound -Action Allow -Profile Any -Protocol TCP -LocalPort '22','8006'"
        " -LocalAddress '10.0.10.20' -RemoteAddress '10.0.10.5','10.0.20.11'",
        "-Direction Inbound -Action Allow -Profile Any -Protocol TCP -LocalPort '2500-3300'"
        " -LocalAddress '10.0.10.20' -RemoteAddress '10.0.10.5'",
        "-Direction Outbound -Action Allow -Profile Any -Protocol UDP -RemotePort '123'"
        " -LocalAddress 'fd00::20' -RemoteAddress 'fd00::2'",
    ]
    assert commands(text) == [
        *("Get-NetFirewallRule", "New-NetFirewallRule", "Out-Null") * 3,
        *("Get-NetFirewallRule", "Where-Object", "Remove-NetFirewallRule"),
    ]
    assert re.search(r"(?<!\r)\n", text) is None


def test_windows_names_a_rule_by_what_it_lets_through_and_by_nothing_else() -> None:
    def names(request: Request) -> list[str]:
        return re.findall(r"New-NetFirewallRule -Name '(\S+)'", render("windows", request))

    first, *others = names(SAMPLE)
    assert len({first, *others}) == 3
    reworded = replace(INTO, rules=(rule("other", "Another reason."),))
    assert names(replace(SAMPLE, openings=(reworded,))) == [first]
    wider = replace(INTO, ports=PortSet.parse("22-23,8006"))
    assert names(replace(SAMPLE, openings=(wider,))) != [first]


# --- for people ------------------------------------------------------------------------------


def test_csv_is_a_row_a_connection() -> None:
    rows = list(csv.DictReader(StringIO(render("csv", SAMPLE))))
    assert [row["ports"] for row in rows] == ["22, 8006", "2500-3300", "123"]
    assert rows[0] == {
        "source": "vbr1, worker1",
        "source address": "10.0.10.5, 10.0.20.11",
        "destination": "pve1",
        "destination address": "10.0.10.20",
        "protocol": "tcp",
        "ports": "22, 8006",
        "rules": "worker-pve-ssh",
        "reason": "It signs in.",
        "document": DOCUMENT,
    }


def test_markdown_is_a_table_with_what_is_missing_below() -> None:
    html = MARKDOWN.render(render("markdown", SAMPLE))
    assert html.count("<tr>") == 4
    assert "<code>worker1</code> <code>10.0.20.11</code>" in html
    assert f'<a href="{DOCUMENT}">' in html
    assert html.index("Not in the request") < html.index("pve1.example.com")


# --- hostile words ---------------------------------------------------------------------------

HOSTILE = (
    'x"; add rule inet filter input accept #',
    "x\nadd chain inet filter evil\n",
    "x'\r\nRemove-Item C:\\ -Recurse\r\n'",
    "x’; Remove-Item C:\\ #",
    "$(Remove-Item x)`n",
    "x\\",
    "\nIN ACCEPT\n[OPTIONS]\nenable: 0\n|IN DROP",
    '=HYPERLINK("http://evil")',
    "| x | <script>alert(1)</script> [a](http://evil) |",
    "é\u2028\u202e\x00\x1b[31m",
    "",
)
words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(),
    st.text("\"';|#\\\n\r\t$`{}()<>[]=+-@ ‘’‚‛é" + string.digits),
)


def hostile_request(host: str, name: str, reason: str) -> Request:
    into, out_of = (
        replace(
            each,
            sources=tuple(replace_host(each.sources, host)),
            targets=tuple(replace_host(each.targets, host)),
            rules=(rule(name, reason, section=reason, document=reason), rule("plain")),
        )
        for each in (INTO, OUT_OF)
    )
    return Request(
        openings=(into, out_of),
        left_out=(LeftOut(replace(into, sources=(End(host, reason),)), reason),),
        host=host,
        made_of=reason,
    )


def replace_host(ends: Iterable[End], host: str) -> Iterator[End]:
    return (end._replace(host=host) if end.host == "pve1" else end for end in ends)


@given(words, words, words)
def test_words_stay_comments_in_nftables(host: str, name: str, reason: str) -> None:
    lines = code_lines(render("nftables", hostile_request(host, name, reason)))
    assert all(NFT_RULE.fullmatch(line) for line in lines), lines


@given(words, words, words)
def test_words_stay_comments_in_pve(host: str, name: str, reason: str) -> None:
    section, *lines = code_lines(render("pve", hostile_request(host, name, reason)))
    assert (section, len(lines)) == ("[RULES]", 2)
    assert all(PVE_RULE.fullmatch(line) for line in lines), lines


@given(words, words, words)
def test_words_stay_texts_in_windows(host: str, name: str, reason: str) -> None:
    text = render("windows", hostile_request(host, name, reason))
    assert commands(text) == [
        *("Get-NetFirewallRule", "New-NetFirewallRule", "Out-Null") * 2,
        *("Get-NetFirewallRule", "Where-Object", "Remove-NetFirewallRule"),
    ]
    assert all(re.fullmatch(r"[^|]*", each) for each in re.findall(r"-D\w+ '((?:[^']|'')*)'", text))


@given(words, words, words)
def test_words_are_no_formula_and_no_row_in_csv(host: str, name: str, reason: str) -> None:
    text = render("csv", hostile_request(host, name, reason))
    rows = list(csv.reader(StringIO(text), strict=True))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 3
    assert not any(cell.startswith(tuple("=+-@\t\r＝＋－＠")) for row in rows for cell in row)


@given(words, words, words)
def test_words_are_no_markup_in_markdown(host: str, name: str, reason: str) -> None:
    html = MARKDOWN.render(render("markdown", hostile_request(host, name, reason)))
    assert html.count("<tr>") == 3
    assert html.count("<th>") == 6
    assert not re.search("<(script|img|iframe)", html)


def test_a_long_list_of_rules_is_cut_at_a_whole_name() -> None:
    many = tuple(rule(f"worker-pve-number-{number:03}") for number in range(50))
    text = render("nftables", replace(SAMPLE, openings=(replace(INTO, rules=many),)))
    (comment,) = re.findall('comment "(worker.*)"', text)
    assert re.fullmatch(r"worker-pve-number-000(, worker-pve-number-\d{3})+ and \d+ more", comment)
    assert len(comment) < 128
    huge = (rule("x" * 500),)
    (comment,) = re.findall(
        'comment "(x.*)"',
        render("nftables", replace(SAMPLE, openings=(replace(INTO, rules=huge),))),
    )
    assert len(comment) < 128
