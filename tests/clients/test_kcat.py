"""kcat, as from Debian."""

import json
import shutil
import subprocess

import pytest
from conftest import DEADLINE
from confluent_kafka.admin import AdminClient, NewTopic

pytestmark = pytest.mark.skipif(not shutil.which("kcat"), reason="kcat is not installed")


@pytest.fixture
def kcat(shop):
    def run(*arguments, said=""):
        command = ["kcat", "-b", shop["kafka"], *arguments]
        done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=2 * DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def scratch(shop, topic):
    """kcat makes no topics of its own."""
    admin = AdminClient({"bootstrap.servers": shop["kafka"]})
    for made in admin.create_topics([NewTopic(topic, 2, 1)]).values():
        made.result(DEADLINE)
    yield topic
    for gone in admin.delete_topics([topic]).values():
        gone.result(DEADLINE)


def test_metadata_is_listed(kcat):
    listed = json.loads(kcat("-L", "-J"))
    topics = {topic["topic"]: len(topic["partitions"]) for topic in listed["topics"]}
    assert topics["product_events"] == 3 and topics["order_events"] == 3


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(kcat, scratch, codec):
    lines = "".join(f"key-{n}:value {n}\n" for n in range(300))
    kcat("-P", "-t", scratch, "-K:", "-z", codec, "-X", "enable.idempotence=true", said=lines)
    read = kcat("-C", "-t", scratch, "-o", "beginning", "-e", "-q", "-f", "%k:%s\n")
    assert sorted(read.splitlines()) == sorted(lines.splitlines())


def test_a_group_goes_on_where_it_committed(kcat, scratch, group):
    kcat("-P", "-t", scratch, said="".join(f"{n}\n" for n in range(100)))
    arguments = ("-X", "auto.offset.reset=earliest", "-q", "-f", "%s\n")
    first = kcat(*arguments, "-c", "40", "-G", group, scratch).split()
    second = kcat(*arguments, "-c", "60", "-G", group, scratch).split()
    assert sorted(map(int, first + second)) == list(range(100)), "nothing twice, nothing left out"


def test_an_offset_is_found_by_time(kcat, scratch):
    kcat("-P", "-t", scratch, "-p", "0", said="one\ntwo\n")
    assert kcat("-Q", "-t", f"{scratch}:0:1").strip() == f"{scratch} [0] offset 0"
    assert kcat("-C", "-t", scratch, "-p", "0", "-o", "-1", "-e", "-q").strip() == "two"

