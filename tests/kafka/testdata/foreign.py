"""A Kafka client that is not Tarn's, with Confluent's serializers and deserializers.

Reads one JSON object a line and answers each with one. A job is

    {"do": "copy", "format": "avro", "from": TOPIC, "to": TOPIC}
        reads a topic to its end (read_committed), deserializes keys and values, and
        writes them with the same schemas to another topic. The answer's records are
        what it has read, values as "type:text".
    {"do": "write", "format": "avro", "to": TOPIC, "schema": TEXT, "values": [EXPR, …]}
        writes values, which are expressions of Python, with a schema of its own.
"""

import base64
import datetime
import decimal
import importlib
import json
import os
import sys
import tempfile
import uuid

import confluent_kafka
import google.protobuf.message
import google.protobuf.timestamp_pb2
import grpc_tools
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

BROKERS, REGISTRY = sys.argv[1:3]


def compiled(text, name):
    """A .proto as Google's compiler sees it."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, name + ".proto"), "w") as f:
            f.write(text)
        out = os.path.join(folder, "set")
        known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        if protoc.main(["", "-I" + folder, "-I" + known, "--descriptor_set_out=" + out, name + ".proto"]) != 0:
            raise ValueError("protoc refuses " + text)
        with open(out, "rb") as f:
            return descriptor_pb2.FileDescriptorSet.FromString(f.read()).file[-1]


class Registry(SchemaRegistryClient):
    """Confluent's registry gives Protobuf's schemas compiled on demand; Apicurio's
    gives them as they were registered."""

    def get_schema(self, schema_id, subject_name=None, fmt=None, *more):
        schema = super().get_schema(schema_id, subject_name, fmt, *more)
        if fmt != "serialized" or "syntax" not in schema.schema_str:
            return schema
        data = compiled(schema.schema_str, "registered").SerializeToString()
        return Schema(base64.b64encode(data).decode(), schema.schema_type, schema.references)


registry = Registry({"url": REGISTRY})


def message_class(text, name):
    """The class of a .proto's first message."""
    if "syntax" in text:
        file = compiled(text, name)
    else:  # as Confluent's serializer registers it
        file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text))
        file.name = name + ".proto"
    pool = descriptor_pool.Default()
    pool.Add(file)
    full = ".".join(filter(None, [file.package, file.message_type[0].name]))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full))


class Serde:
    """Both directions of one format for the schema that a topic's part has."""

    def __init__(self, format, topic, is_key, text):
        part = MessageField.KEY if is_key else MessageField.VALUE
        self.context = lambda topic: SerializationContext(topic, part)
        if format == "avro":
            self.reader = AvroDeserializer(registry)
            self.writer = AvroSerializer(registry, text)
        elif format == "jsonschema":
            self.reader = JSONDeserializer(text, schema_registry_client=registry)
            self.writer = JSONSerializer(text, registry, conf={"validate": True})
        else:
            self.kind = message_class(text, "f%d" % abs(hash((topic, is_key))))
            self.reader = ProtobufDeserializer(self.kind, {}, registry)
            self.writer = ProtobufSerializer(self.kind, registry)

    def read(self, topic, data):
        return None if data is None else self.reader(data, self.context(topic))

    def write(self, topic, value):
        return None if value is None else self.writer(value, self.context(topic))


def shown(v):
    """A value with its type."""
    if v is None:
        return "null"
    if isinstance(v, list):
        return "[" + ", ".join(map(shown, v)) + "]"
    if isinstance(v, bytes):
        return "bytes:" + v.hex()
    if isinstance(v, (datetime.datetime, datetime.date, datetime.time)):
        return type(v).__name__ + ":" + v.isoformat()
    if isinstance(v, google.protobuf.timestamp_pb2.Timestamp):
        return "Timestamp:" + v.ToJsonString()
    if isinstance(v, dict):
        return "dict:" + json.dumps(v, sort_keys=True, default=str)
    return type(v).__name__ + ":" + str(v)


def fields(v):
    if isinstance(v, dict):
        return {k: shown(x) for k, x in v.items()}
    if isinstance(v, google.protobuf.message.Message):
        out = {}
        for f in v.DESCRIPTOR.fields:
            if f.is_repeated:
                out[f.name] = shown(list(getattr(v, f.name)))
            else:
                out[f.name] = shown(getattr(v, f.name) if v.HasField(f.name) else None)
        return out
    return shown(v)


def consume(topic):
    """All committed records of a topic."""
    c = confluent_kafka.Consumer({"bootstrap.servers": BROKERS, "group.id": "foreign", "isolation.level": "read_committed",
                                  "enable.partition.eof": True, "enable.auto.commit": False})
    n = len(c.list_topics(topic, timeout=60).topics[topic].partitions)
    c.assign([confluent_kafka.TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in range(n)])
    out, ended = [], set()
    while len(ended) < n:
        m = c.poll(60)
        if m is None:
            raise TimeoutError("topic " + topic)
        if m.error() is None:
            out.append(m)
        elif m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
            ended.add(m.partition())
        else:
            raise confluent_kafka.KafkaException(m.error())
    c.close()
    return out


def produce(topic, records):
    p = confluent_kafka.Producer({"bootstrap.servers": BROKERS, "enable.idempotence": True, "linger.ms": 0})
    failures = []
    for key, value in records:
        p.produce(topic, key=key, value=value, on_delivery=lambda err, _: err and failures.append(str(err)))
    if p.flush(60) or failures:
        raise RuntimeError("not delivered: " + str(failures))


def schema_of(topic, part):
    return registry.get_latest_version(topic + "-" + part).schema.schema_str


def copy(job):
    source, target = job["from"], job["to"]
    key = Serde(job["format"], source, True, schema_of(source, "key"))
    value = Serde(job["format"], source, False, schema_of(source, "value"))
    read, written = [], []
    for m in consume(source):
        k, v = key.read(source, m.key()), value.read(source, m.value())
        read.append({"partition": m.partition(), "key": fields(k), "value": None if v is None else fields(v)})
        written.append((key.write(target, k), value.write(target, v)))
    produce(target, written)
    return {"records": read}


def write(job):
    serde = Serde(job["format"], job["to"], False, job["schema"])
    names = {"datetime": datetime, "decimal": decimal, "uuid": uuid, "Decimal": decimal.Decimal, "UTC": datetime.timezone.utc}
    if job["format"] == "protobuf":
        names["M"] = serde.kind
        names["Timestamp"] = google.protobuf.timestamp_pb2.Timestamp
        for name in ("wrappers", "duration", "struct"):
            module = importlib.import_module("google.protobuf.%s_pb2" % name)
            names.update({k: getattr(module, k) for k in dir(module) if k[0].isupper()})
    produce(job["to"], [(None, serde.write(job["to"], eval(e, names))) for e in job["values"]])
    return {}


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"copy": copy, "write": write}[job["do"]](job)
    except Exception as e:  # the test tells it, with its place
        import traceback
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
