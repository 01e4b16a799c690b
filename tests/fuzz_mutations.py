"""Mutations of whole files, by a seeded generator: bytes, texts, JSON documents, databases and tensors."""

import contextlib
import copy
import json
import random
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[bytes, random.Random], bytes]
NUMBERS = (
    *(
        "0",
        "-0.0",
        "-1",
        "1",
        "2",
        "1e-300",
        "5e-324",
        "1e-9",
        "1e9",
        "1e15",
        "1e18",
        "1e30",
        "1e200",
        "1e308",
        "1e309",
    ),
    *(
        "9007199254740993",
        "9223372036854775808",
        "99999999999999999999",
        "1" + "0" * 400,
        "0x10",
        "1_000",
        "nan",
        "inf",
    ),
    *("NaN", "-Infinity", "true", "null", '""', '"1"', "[]", "{}", "0.5", "0.30000000000000004", "1e5", "٣"),
)
WORDS = ("", " ", "\n", "\t", "\0", "a", "\u202e", "\x1b[31m", "é", "𝄞", "'", '"', "<", "&#0;", *",;(){]")
ODD = (
    *(None, True, 0, -1, 1.5, 1e-300, 1e300, 5e-324, 2**53 + 1, 2**63, 10**400),
    *("", "x", "all", "\0", [], {}, [1, 2], {"a": 1}),
)
SCALES = (0, -1, 1e-30, 1e30, 1e-8, 1e8, 1e-3, 1e3, 0.5, 2, 1 + 1e-12)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, drop, repeat, cut or insert bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not out:
            break
        at, length = rng.randrange(len(out)), rng.choice((1, 1, 2, 8, 100))
        match rng.randrange(6):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length] * rng.choice((1, 2, 20))
            case 3:
                del out[at:]
            case 4:
                out[at:at] = rng.choice(WORDS).encode()
            case 5:
                out[at] = rng.choice(b"\0\xff\n0123456789-+.eE,:\"'{}[]<>/ ")
    return bytes(out)


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Change numbers, words and lines of a text."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 3))):
        match rng.randrange(6):
            case 0 | 1:
                found = list(re.finditer(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", text))
                if found:
                    spot = rng.choice(found)
                    text = text[: spot.start()] + rng.choice(NUMBERS) + text[spot.end() :]
            case 2:
                found = list(re.finditer(r"[^\W\d]\w*", text))
                if found:
                    spot, other = rng.choice(found), rng.choice([*(one[0] for one in found), *WORDS])
                    text = text[: spot.start()] + other + text[spot.end() :]
            case 3 | 4:
                lines = text.splitlines(keepends=True)
                if lines:
                    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
                    match rng.randrange(4):
                        case 0:
                            del lines[a]
                        case 1:
                            lines[a], lines[b] = lines[b], lines[a]
                        case 2:
                            lines.insert(b, lines[a] * rng.choice((1, 2, 50)))
                        case 3:
                            lines[a] = lines[a][: rng.randrange(len(lines[a]) + 1)] + lines[b]
                    text = "".join(lines)
            case 5:
                at = rng.randrange(len(text) + 1)
                text = text[:at] + rng.choice(WORDS) * rng.choice((1, 1, 1000)) + text[at:]
    return text.encode("utf-8", "replace")


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Delete, scale, copy or replace values of a document; every kind of field is equally likely."""
    document, gentle = json.loads(data), rng.random() < 0.4
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kinds: dict[tuple[Any, ...], list[Any]] = {}
        for path in _places(document):
            value = _value_at(document, path) if gentle else 0
            if gentle and (not isinstance(value, int | float) or isinstance(value, bool)):
                continue
            kinds.setdefault(tuple("#" if isinstance(key, int) else key for key in path), []).append(path)
        if not kinds:
            break
        spot = rng.choice(kinds[rng.choice(list(kinds))])
        inside = document
        for key in spot[:-1]:
            inside = inside[key]
        value, draw = inside[spot[-1]], rng.random()
        if gentle and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100:
            inside[spot[-1]] = type(value)(value * rng.choice(SCALES))
        elif draw < 0.1:
            del inside[spot[-1]]
        elif draw < 0.2 and isinstance(inside, dict):
            inside[rng.choice(("x", "tasks", "kind", "meta", "", "id"))] = copy.deepcopy(value)
        elif draw < 0.3 and isinstance(inside, list):
            inside.extend([copy.deepcopy(value)] * rng.choice((1, 1, 200)))
        elif draw < 0.6 and isinstance(value, int | float) and abs(value) < 1e100:
            inside[spot[-1]] = value * rng.choice(SCALES)
        elif draw < 0.7:
            inside[spot[-1]] = copy.deepcopy(_value_at(document, rng.choice(rng.choice(list(kinds.values())))))
        else:
            inside[spot[-1]] = copy.deepcopy(rng.choice(ODD))
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def _value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key] if isinstance(document, dict) or key < len(document) else None
    return document


def any_of(*mutators: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Draw one of several mutators for each input."""
    return lambda data, rng: rng.choice(mutators)(data, rng)


JSON = any_of(mutate_json, mutate_json, mutate_json, mutate_text, mutate_bytes)
TEXT = any_of(mutate_text, mutate_text, mutate_text, mutate_bytes)


def mutate_store(data: bytes, rng: random.Random) -> bytes:
    """Change a database by a statement, or its bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "r.db"
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        values = ["'x'", "''", "NULL", "x'ff00'", "CAST(x'fe' AS TEXT)", "9e999", "-1", "1e300", "5e-324", "0", "1.5"]
        values += ["'[]'", "'{}'", "'{\"policy\": 1}'", "'{\"a\": [[1]]}'", "9223372036854775807", "'exact'", "'1-1-1'"]
        statements = [
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(values)}",
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(values)} WHERE seed = {rng.randrange(4)}",
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(columns)}",
            f"DELETE FROM {rng.choice(('runs', 'about'))}",
            f"ALTER TABLE runs DROP COLUMN {rng.choice(columns)}",
            f"ALTER TABLE runs ADD COLUMN {rng.choice(('x', 'parameter_torus', 'best_bound_s'))}",
            "DROP VIEW gaps",
            f"DROP TABLE {rng.choice(('runs', 'about'))}",
        ]
        for _ in range(rng.choice((1, 1, 3))):
            with contextlib.suppress(sqlite3.Error), connection:
                connection.execute(rng.choice(statements[:3] if rng.random() < 0.7 else statements))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def mutate_tensors(data: bytes, rng: random.Random) -> bytes:
    """Change the header of a safetensors file, or single weights."""
    size = int.from_bytes(data[:8], "little")
    header, weights = data[8 : 8 + size], bytearray(data[8 + size :])
    match rng.randrange(4):
        case 0:
            return mutate_bytes(data, rng)
        case 1:
            header = mutate_json(header, rng)
        case 2:
            header = mutate_text(header, rng)
        case 3:
            odd = np.array([np.nan, np.inf, -np.inf, 3e38, 1e-40, 1e4, -1e4, 9999, 1e3, 0.1, -50], np.float32)
            for _ in range(rng.choice((1, 5, 200))):
                at = 4 * rng.randrange(len(weights) // 4)
                weights[at : at + 4] = odd[rng.randrange(len(odd))].tobytes()
    return len(header).to_bytes(8, "little") + header + bytes(weights)
