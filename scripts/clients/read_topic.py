"""Reads what is in a public topic now, as any consumer would: python read_topic.py BOOTSTRAP TOPIC. Prints each message as
a line of JSON: key, headers, value. Note isolation.level: without it, messages of undone transactions would be there too."""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

bootstrap, topic = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "read_topic",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(topic, 10).topics[topic].partitions
consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
ended = set()
while len(ended) < len(partitions):
    message = consumer.poll(30)
    if message is None:
        sys.exit("no answer from the brokers for 30 s")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        ended.add(message.partition())
        continue
    headers = {name: value.decode() for name, value in message.headers()}
    print(json.dumps({"key": message.key().decode(), "headers": headers, "value": message.value().decode()}))
consumer.close()
