"""kafka-python, which the original used; `run` tries an old and a new version of it."""

import json
import threading

import kafka
import pytest
from conftest import DEADLINE, eventually
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

NEW = int(kafka.__version__.split(".")[0]) >= 3
# What the client believes to speak with; None lets it ask.
SPOKEN = [None, (0, 11, 0), (1, 0), (2, 0)]


@pytest.fixture
def admin(shop):
    client = KafkaAdminClient(bootstrap_servers=shop["kafka"])
    yield client
    client.close()


@pytest.fixture
def topic(admin, topic):
    admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    yield topic
    admin.delete_topics([topic])


def spoken(version):
    return {} if version is None else {"api_version": version}


def produce(shop, topic, count, version=None, **settings):
    producer = KafkaProducer(bootstrap_servers=shop["kafka"], acks="all", **spoken(version), **settings)
    sent = [producer.send(topic, key=str(n % 7).encode(), value=str(n).encode()) for n in range(count)]
    producer.flush(timeout=DEADLINE)
    for one in sent:
        assert one.get(timeout=DEADLINE).offset >= 0
    producer.close()


def consumer(shop, topic, group, version=None):
    return KafkaConsumer(
        topic,
        bootstrap_servers=shop["kafka"],
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=500,
        **spoken(version),
    )


def take(reader, count):
    """The next values, as many as said, in the order they came by key."""
    by_key, seen = {}, 0

    def poll():
        nonlocal seen
        for records in reader.poll(timeout_ms=500, max_records=count - seen).values():
            for record in records:
                by_key.setdefault(record.key, []).append(int(record.value))
                seen += 1
        return seen == count

    eventually(f"{count} records", poll)
    assert all(values == sorted(values) for values in by_key.values()), "in order for each key"
    return sorted(value for values in by_key.values() for value in values)


class Polling:
    """A member that polls on its own: an old client waits in there until all others have joined."""

    def __init__(self, reader):
        self.held = 0
        self.reader = reader
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            self.reader.poll(timeout_ms=200)
            self.held = len(self.reader.assignment())
        self.reader.close(autocommit=False)

    def end(self):
        self.ending.set()
        self.thread.join(DEADLINE)


@pytest.mark.parametrize("version", SPOKEN, ids=str)
def test_what_is_produced_is_consumed_in_order_by_key(shop, topic, group, version):
    produce(shop, topic, 500, version)
    reader = consumer(shop, topic, group, version)
    assert take(reader, 500) == list(range(500))
    reader.close()


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_arrives_as_it_was_sent(shop, topic, group, codec):
    produce(shop, topic, 200, compression_type=codec, linger_ms=50)
    reader = consumer(shop, topic, group)
    assert take(reader, 200) == list(range(200))
    reader.close()


def test_a_group_goes_on_where_it_committed_and_rewinds(shop, topic, group):
    produce(shop, topic, 300)
    first = consumer(shop, topic, group)
    read = take(first, 100)
    first.commit()
    first.close(autocommit=False)
    second = consumer(shop, topic, group)
    assert sorted(read + take(second, 200)) == list(range(300)), "nothing twice, nothing left out"
    second.commit()
    second.seek_to_beginning()
    assert take(second, 300) == list(range(300))
    second.close(autocommit=False)


def test_two_members_share_a_topic_and_one_takes_over(shop, topic, group):
    one, other = Polling(consumer(shop, topic, group)), Polling(consumer(shop, topic, group))
    eventually("each has a part", lambda: sorted([one.held, other.held]) == [1, 2])
    other.end()
    eventually("the one that stays has all", lambda: one.held == 3)
    one.end()


def test_groups_are_listed_with_their_offsets_and_deleted(shop, admin, topic, group):
    produce(shop, topic, 30)
    reader = consumer(shop, topic, group)
    take(reader, 30)
    reader.commit()
    ends = reader.end_offsets([TopicPartition(topic, partition) for partition in range(3)])
    reader.close(autocommit=False)
    if NEW:
        assert group in [listed["group_id"] for listed in admin.list_groups()]
        offsets = admin.list_group_offsets(group)[group]
    else:
        assert group in [listed[0] for listed in admin.list_consumer_groups()]
        offsets = admin.list_consumer_group_offsets(group)
    assert {place: committed.offset for place, committed in offsets.items() if ends[place]} == {
        place: end for place, end in ends.items() if end
    }
    delete = admin.delete_groups if NEW else admin.delete_consumer_groups
    eventually("the group is gone", lambda: delete([group]) is not None)


def test_an_offset_that_was_committed_by_hand_is_where_the_next_one_begins(shop, topic, group):
    producer = KafkaProducer(bootstrap_servers=shop["kafka"], acks="all")
    for number in range(10):
        producer.send(topic, value=str(number).encode(), partition=0).get(timeout=DEADLINE)
    producer.close()
    place = TopicPartition(topic, 0)
    by_hand = KafkaConsumer(bootstrap_servers=shop["kafka"], group_id=group, enable_auto_commit=False)
    by_hand.assign([place])
    by_hand.commit({place: OffsetAndMetadata(6, "by hand", *([-1] if NEW else []))})
    assert by_hand.committed(place) == 6
    by_hand.close(autocommit=False)
    reader = consumer(shop, topic, group)
    assert take_values(reader, 4) == [6, 7, 8, 9]
    reader.close(autocommit=False)


def take_values(reader, count):
    values = []

    def poll():
        for records in reader.poll(timeout_ms=500).values():
            values.extend(int(record.value) for record in records)
        return len(values) >= count

    eventually(f"{count} records", poll)
    return values


def test_the_shops_events_are_json_that_anyone_reads(shop, group):
    reader = consumer(shop, "product_events", group)
    records = [record for found in eventually("an event", lambda: reader.poll(timeout_ms=500) or None).values() for record in found]
    reader.close(autocommit=False)
    event = json.loads(records[0].value)
    assert event["type"] in ("product_created", "product_updated", "product_deleted")
    assert event["data"]["product_id"] == records[0].key.decode()
    headers = dict(records[0].headers)
    assert {"ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion"} <= set(headers)
