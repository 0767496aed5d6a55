"""An application that knows nothing of the broker: it calls https://2captcha.com with what it takes for its key."""

import json
import pathlib
import time
import urllib.parse
import urllib.request

KEY = pathlib.Path("/run/secrets/app-token").read_text(encoding="ascii").strip()
SERVICE = "https://2captcha.com"


def call(path: str, **fields: str) -> str:
    """One call to the service, as its documentation has it."""
    body = urllib.parse.urlencode({"key": KEY, "json": "1", **fields}).encode()
    with urllib.request.urlopen(SERVICE + path, body, timeout=30) as reply:
        return json.load(reply)["request"]


task = call(
    "/in.php",
    method="userrecaptcha",
    googlekey="6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    pageurl="https://staging.example.com/login",
)
answer = "CAPCHA_NOT_READY" if task.isdigit() else task
while answer == "CAPCHA_NOT_READY":
    time.sleep(5)
    answer = call("/res.php", action="get", id=task)
print(answer[:40])
