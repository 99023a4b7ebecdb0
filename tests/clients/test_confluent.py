"""confluent-kafka, that is librdkafka; `run` tries an old and a new version of it."""

import multiprocessing
import os
import signal

import confluent_kafka
import pytest
from conftest import DEADLINE, eventually
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

# As many as the bar of the broker says: groups lose nothing of 200,000 messages.
MANY = int(os.environ.get("CLIENTS_MESSAGES", "200000"))


@pytest.fixture
def admin(shop):
    return AdminClient({"bootstrap.servers": shop["kafka"]})


@pytest.fixture
def topic(admin, topic):
    for made in admin.create_topics([NewTopic(topic, 6, 1)]).values():
        made.result(DEADLINE)
    yield topic
    for gone in admin.delete_topics([topic]).values():
        gone.result(DEADLINE)


def produce(shop, topic, numbers, **settings):
    failed = []
    producer = Producer({"bootstrap.servers": shop["kafka"], "enable.idempotence": True, **settings})

    def delivered(error, _message):
        if error:
            failed.append(error)

    for number in numbers:
        while True:
            try:
                producer.produce(topic, key=str(number % 97), value=str(number), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(DEADLINE) == 0
    assert not failed, failed[0]


def consumer(kafka, topic, group, strategy="range"):
    reader = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "partition.assignment.strategy": strategy,
        }
    )
    reader.subscribe([topic])
    return reader


def take(reader, count):
    values = []

    def poll():
        for message in reader.consume(min(count - len(values), 1000), timeout=0.5):
            assert not message.error(), message.error()
            values.append(int(message.value()))
        return len(values) == count

    eventually(f"{count} messages", poll)
    return values


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_arrives_as_it_was_sent(shop, topic, group, codec):
    produce(shop, topic, range(1000), **{"compression.type": codec, "linger.ms": 20})
    reader = consumer(shop["kafka"], topic, group)
    assert sorted(take(reader, 1000)) == list(range(1000))
    reader.close()


def test_a_group_goes_on_where_it_committed_and_rewinds(shop, topic, group):
    produce(shop, topic, range(600))
    first = consumer(shop["kafka"], topic, group)
    read = take(first, 250)
    first.commit(asynchronous=False)
    first.close()
    second = consumer(shop["kafka"], topic, group)
    assert sorted(read + take(second, 350)) == list(range(600)), "nothing twice, nothing left out"
    second.commit(asynchronous=False)
    for place in second.assignment():
        second.seek(TopicPartition(place.topic, place.partition, OFFSET_BEGINNING))
    assert sorted(take(second, 600)) == list(range(600))
    second.close()


def test_groups_and_topics_are_listed(shop, admin, topic, group):
    produce(shop, topic, range(10))
    reader = consumer(shop["kafka"], topic, group)
    take(reader, 10)
    listed = {one.id: one for one in admin.list_groups(timeout=DEADLINE)}
    assert (listed[group].state, len(listed[group].members)) == ("Stable", 1)
    reader.close()
    topics = admin.list_topics(timeout=DEADLINE).topics
    assert len(topics[topic].partitions) == 6
    assert {"product_events", "order_events"} <= set(topics)


def work(kafka, topic, group, strategy, seen, stop):
    """A member as a process of its own: reads, tells what it read, commits."""
    reader = consumer(kafka, topic, group, strategy)
    while not stop.is_set():
        messages = reader.consume(500, timeout=0.2)
        values = [int(message.value()) for message in messages if not message.error()]
        if values:
            seen.send_bytes(",".join(map(str, values)).encode())
            try:
                reader.commit(asynchronous=False)
            except confluent_kafka.KafkaException:
                pass  # A rebalance took the partition away: whoever has it now reads this again.
    reader.close()


class Member:
    def __init__(self, *arguments):
        context = multiprocessing.get_context("spawn")
        self.seen, theirs = context.Pipe(duplex=False)
        self.stop = context.Event()
        self.process = context.Process(target=work, args=(*arguments, theirs, self.stop), daemon=True)
        self.process.start()
        theirs.close()

    def told(self):
        """What it has read since the last time; of a killed one, all that it still told."""
        values = []
        try:
            while self.seen.poll():
                values.extend(map(int, self.seen.recv_bytes().split(b",")))
        except (EOFError, OSError):
            pass
        return values

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(DEADLINE)


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_nothing_is_lost_while_members_join_leave_and_are_killed(shop, topic, group, strategy):
    produce(shop, topic, range(MANY // 2), **{"linger.ms": 5})
    seen = set()
    arguments = (shop["kafka"], topic, group, strategy)
    members = [Member(*arguments)]

    def gather(at_least):
        def poll():
            for member in members:
                seen.update(member.told())
            return len(seen) >= at_least

        eventually(f"{at_least} messages", poll)

    gather(MANY // 20)
    members += [Member(*arguments), Member(*arguments)]
    gather(MANY // 10)
    members[0].kill()
    members.append(Member(*arguments))
    members[1].stop.set()
    gather(MANY // 2)
    produce(shop, topic, range(MANY // 2, MANY), **{"linger.ms": 5})
    gather(MANY)
    assert seen == set(range(MANY))
    for member in members[1:]:
        member.stop.set()
    for member in members[1:]:
        member.process.join(DEADLINE)
        assert member.process.exitcode == 0
