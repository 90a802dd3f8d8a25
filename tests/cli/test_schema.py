"""`veeamcheck schema`."""

import jsonschema
import pytest

from tests.cli.conftest import Veeamcheck


@pytest.mark.parametrize("what", ["inventory", "report", "rules"])
def test_every_schema_is_one(veeamcheck: Veeamcheck, what: str) -> None:
    result = veeamcheck("schema", what)
    assert (result.status, result.err) == (0, "")
    jsonschema.Draft202012Validator.check_schema(result.json)
    assert result.json["type"] == "object"
