"""The jobs, a file each: `run(quick: bool) -> list[Row]`; its first line says what is done."""
