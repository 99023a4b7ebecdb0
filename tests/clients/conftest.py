"""The shops that `run` has booted, and what every test needs of them."""

import json
import os
import time
import uuid

import pytest
import requests

# Nothing here takes so long unless it is broken, also on a busy machine.
DEADLINE = 60


class Shop:
    """The addresses that `shopctl env --json` printed."""

    def __init__(self, variable):
        self.addresses = json.loads(os.environ[variable])

    def __getitem__(self, name):
        return self.addresses[name]

    def graphql(self, query, variables=None, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables or {}}
        return requests.post(self["gateway"], json=body, headers=headers, timeout=DEADLINE).json()

    def products(self, count):
        answer = requests.get(f"{self['product']}/products/", params={"limit": count}, timeout=DEADLINE)
        return answer.json()["items"]


def eventually(what, poll):
    """The first value that is neither None nor False."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        value = poll()
        if value is not None and value is not False:
            return value
        time.sleep(0.05)
    pytest.fail(f"not within {DEADLINE} s: {what}")


def fresh(kind):
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def shop():
    return Shop("SHOP")


@pytest.fixture(scope="session")
def open_shop():
    """Booted with SHOP_AUTH=open, for clients that send no credentials."""
    return Shop("OPEN_SHOP")


@pytest.fixture
def topic():
    return fresh("topic")


@pytest.fixture
def group():
    return fresh("group")
