"""The dataclasses are those of configs/schema/v1.json, and what does not fit is refused.

    python -m unittest discover tools/subscribers/python/tests
"""

import dataclasses
import json
import pathlib
import sys
import typing
import unittest

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent))

from visaged_client import messages, payloads  # noqa: E402

SCHEMA = json.loads((HERE.parents[4] / "configs/schema/v1.json").read_text())
HEADER = b'{"schema":1,"boot_id":"b","seq":7,"recorded_us":5000000,"published_us":5001000,"stale_after_ms":500,"valid":true}'
JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def frames(payload: str, topic: str = "v1/identity/fused/", header: bytes = HEADER):
    return [topic.encode(), header, payload.encode()]


class Schema(unittest.TestCase):
    def test_every_stream_has_a_dataclass_with_the_keys_of_the_schema(self):
        self.matches(messages.Header, SCHEMA["header"], {})
        streams = {topic.split("/")[1]: schema for topic, schema in SCHEMA["payloads"].items()}
        self.assertEqual(set(streams), set(messages.STREAMS))
        for stream, schema in streams.items():
            self.matches(messages.STREAMS[stream], schema, schema.get("$defs", {}))

    def matches(self, kind, schema, definitions):
        fields = {field.name: field for field in dataclasses.fields(kind)}
        self.assertEqual(set(fields), set(schema["properties"]), kind)
        required = {n for n, f in fields.items() if f.default is dataclasses.MISSING}
        self.assertEqual(required, set(schema["required"]), kind)
        hints = typing.get_type_hints(kind, vars(payloads))
        for name, spec in schema["properties"].items():
            self.is_of(hints[name], spec, definitions, f"{kind.__name__}.{name}")

    def is_of(self, hint, spec, definitions, where):
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Union:
            hint, origin, arguments = arguments[0], *[f(arguments[0]) for f in (typing.get_origin, typing.get_args)]
        spec = next((s for s in spec.get("anyOf", [spec]) if s.get("type") != "null"), spec)
        if "$ref" in spec:
            spec = definitions[spec["$ref"].rsplit("/", 1)[1]]
        types = [t for t in [spec.get("type")] if t] or ["string"]  # `oneOf` constants are words
        types = [t for t in (types[0] if isinstance(types[0], list) else types) if t != "null"]
        if dataclasses.is_dataclass(hint):
            self.matches(hint, spec, definitions)
        elif origin is list:
            self.assertEqual(types, ["array"], where)
            self.is_of(arguments[0], spec["items"], definitions, where)
        elif origin is dict:
            self.assertEqual(types, ["object"], where)
        else:
            self.assertEqual(types, [JSON_TYPES[hint]], where)


class Parsing(unittest.TestCase):
    def test_a_key_that_is_not_known_is_ignored_and_an_absent_one_is_none(self):
        message = messages.parse(frames('{"state":"nobody","liveness":"live","new":1}'))
        self.assertEqual(message.payload, payloads.Identity("nobody", "live"))
        self.assertIsNone(message.payload.band)

    def test_what_does_not_fit_is_refused(self):
        good = '{"state":"nobody","liveness":"live"}'
        for bad in (
            frames('{"state":"nobody"}'),
            frames('{"state":true,"liveness":"live"}'),
            frames("[]"),
            frames("{" * 100_000),
            frames(good, topic="v2/identity/fused/"),
            frames(good, header=HEADER.replace(b'"seq":7', b'"seq":"7"')),
            frames(good)[:2],
        ):
            with self.assertRaises(messages.BadMessage, msg=bad[:2]):
                messages.parse(bad)

    def test_a_stream_of_the_future_is_given_as_it_is(self):
        message = messages.parse(frames('{"a":1}', topic="v1/gaze/left/"))
        self.assertEqual(message.payload, {"a": 1})

    def test_a_message_is_valid_until_it_is_stale_and_never_from_a_replay(self):
        good = '{"state":"nobody","liveness":"live"}'
        message = messages.parse(frames(good))
        self.assertTrue(message.is_valid(5_500_000))
        self.assertFalse(message.is_valid(5_500_001), "500 ms after recorded_us")
        recording = HEADER.replace(b'"recorded_us":5000000', b'"recorded_us":99000000')
        message = messages.parse(frames(good, header=recording))
        self.assertTrue(message.is_valid(5_501_000), "a recording has a time line of its own")
        self.assertFalse(message.is_valid(5_501_001))
        replayed = messages.parse(frames(good, header=HEADER.replace(b'"b"', b'"replay"')))
        self.assertFalse(replayed.is_valid(5_001_000))
        no_answer = HEADER.replace(b'"valid":true', b'"valid":false')
        unknown = messages.parse(frames('{"state":"unknown","liveness":"live"}', header=no_answer))
        self.assertFalse(unknown.is_valid(5_001_000))


if __name__ == "__main__":
    unittest.main()
