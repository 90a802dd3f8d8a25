"""`veeamcheck probe`."""

import pytest

from tests.cli.conftest import Veeamcheck
from veeamcheck.cli.probe import lines, status_of
from veeamcheck.model import Evidence, Signal
from veeamcheck.ports import PortSet


def seen(signal: Signal, **more: object) -> Evidence:
    facts: dict[str, object] = {
        "address": "192.0.2.1",
        "local_address": None,
        "ports": PortSet.of([6162]),
        "signal": signal,
        "attributed": True,
        "probed": 1,
        "rtt_ms": None,
        "by": None,
        "detail": None,
    }
    return Evidence(**{**facts, **more})  # type: ignore[arg-type]


def test_an_open_port(veeamcheck: Veeamcheck, listening: int) -> None:
    result = veeamcheck("probe", "127.0.0.1", listening)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"127.0.0.1  {listening}  open  something answers")


def test_open_and_closed(veeamcheck: Veeamcheck, listening: int, closed: int) -> None:
    result = veeamcheck("probe", "127.0.0.1", listening, closed)
    assert result.status == 1
    assert [line.split()[2] for line in sorted(result.out.splitlines())].count("open") == 1
    assert "refused" in result.out


def test_a_name_without_address(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("probe", "no-such-host.invalid", "22")
    assert result.status == 1
    assert "the name has no address" in result.out


def test_ntp(veeamcheck: Veeamcheck, closed: int) -> None:
    result = veeamcheck("probe", "127.0.0.1", closed, "--udp")
    assert result.status == 1
    assert "refused" in result.out or "silent" in result.out


@pytest.mark.parametrize("signal", Signal)
def test_every_signal_has_words_and_a_status(signal: Signal) -> None:
    (line,) = lines([seen(signal, by="192.0.2.254", rtt_ms=0.42)])
    assert line.startswith(f"192.0.2.1  6162  {signal}  ")
    assert line.endswith("(by 192.0.2.254, 0.4 ms)")
    assert status_of([seen(signal)]) == {Signal.OPEN: 0, Signal.LOCAL_ERROR: 3}.get(signal, 1)


def test_an_unattributed_refusal_claims_no_clear_path() -> None:
    (line,) = lines([seen(Signal.REFUSED, attributed=False)])
    assert "path is clear" not in line


def test_columns_line_up() -> None:
    rows = [
        seen(Signal.OPEN),
        seen(Signal.REJECTED, address="2001:db8::1", ports=PortSet.parse("2500-2599")),
    ]
    first, second = lines(rows)
    assert first.index("open") == second.index("rejected")
    assert first.index("something") == second.index("refused on the way")
