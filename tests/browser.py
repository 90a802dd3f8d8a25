"""A real browser for tests of what it shows: Debian's Chromium, headless, without a network."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
)


def unavailable() -> str | None:
    """Why no browser can be started on this machine; None if one can."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"{' and '.join(missing)} not installed" if missing else None


class Browser:
    """One window; what a page logs as an error fails the test that looks."""

    def __init__(self, folder: Path) -> None:
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options = ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options, Service(shutil.which("chromedriver")))
        self._folder = folder

    def open(self, html: str, view: str = "", *, dark: bool = False) -> None:
        """Show this page from a file, at this hash (without #)."""
        file = self._folder / "report.html"
        file.write_text(html, encoding="utf-8", newline="\n")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.driver.get("about:blank")
        self.errors()
        self.driver.get(file.as_uri() + (f"#{view}" if view else ""))

    def command(self, name: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        result: dict[str, Any] = self.driver.execute_cdp_cmd(name, parameters)
        return result

    def run(self, script: str, *arguments: object) -> Any:
        """What a function with this body returns in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: object) -> Any:
        """What the body returns as soon as that is true; fails after ten seconds."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 10, 0.02).until(lambda _: self.run(script, *arguments))

    def click(self, selector: str) -> None:
        """A click of the mouse on the first that matches, scrolled to."""
        from selenium.webdriver.common.by import By

        element = self.driver.find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        """Keys, where the focus is: ``"a"`` or a name of selenium's Keys."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(getattr(Keys, key, key))
        chain.perform()

    def text(self, selector: str) -> str:
        """What is to be read in the first that matches; empty where it is hidden."""
        text: str = self.run(
            "const one = document.querySelector(arguments[0]);"
            "return one.checkVisibility() ? one.innerText : ''",
            selector,
        )
        return text

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)",
            selector,
        )
        return found

    @property
    def view(self) -> str:
        """The location's hash, without #."""
        text: str = self.run("return location.hash.slice(1)")
        return text

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return self.driver.get_screenshot_as_png()

    def paper(self) -> bytes:
        """The page printed, as PDF."""
        return base64.b64decode(self.driver.print_page())

    def errors(self) -> list[str]:
        """What the page logged since this was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def stop(self) -> None:
        self.driver.quit()
