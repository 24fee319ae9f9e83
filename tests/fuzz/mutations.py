"""Changes of bytes, texts and values that a file may suffer, or that somebody makes."""

import json
import re
from random import Random

NUMBERS = (0, -1, 1, 2, 7, 255, 65536, 2**31 - 1, 2**31, 2**32, 4 * 10**9, 2**62, 2**63, 2**64 - 1)
WORDS = (
    "",
    "x",
    "nan",
    "-inf",
    "1e999",
    "../../etc/passwd",
    "\u00e4\u2028",
    "\x00",
    "a" * 5000,
    "[",
)
VALUES = (*NUMBERS, 10**400, 1.5, 1e308, float("nan"), float("inf"), None, True, [], {}, *WORDS)


def to(name, change):
    """Edits of a target: a change of one file of the folder."""
    return (lambda folder, random: change(folder / name, random),)


def one_file(folder, random, *patterns):
    """A file of a folder."""
    return random.choice([file for pattern in patterns for file in sorted(folder.rglob(pattern))])


def deep(depth=3000):
    """Lists in lists, as text."""
    return "[" * depth + "]" * depth


def damaged(raw, random):
    """Bytes with some faults in them."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        raw = random.choice(FAULTS)(bytearray(raw), random)
    return bytes(raw)


def _place(raw, random):
    return random.randrange(max(len(raw), 1))


def _flip(raw, random):
    for _ in range(random.choice((1, 1, 8))):
        if raw:
            raw[_place(raw, random)] ^= 1 << random.randrange(8)
    return raw


def _cut(raw, random):
    return raw[: _place(raw, random)]


def _insert(raw, random):
    at = _place(raw, random)
    return raw[:at] + random.randbytes(random.choice((1, 2, 8, 512))) + raw[at:]


def _repeat(raw, random):
    at, size = _place(raw, random), random.choice((1, 4, 16, 256, 4096))
    return raw[:at] + raw[at : at + size] * random.choice((2, 3)) + raw[at + size :]


def _remove(raw, random):
    at = _place(raw, random)
    return raw[:at] + raw[at + random.choice((1, 2, 8, 512)) :]


def _fill(raw, random):
    at, size = _place(raw, random), random.choice((1, 4, 64, 1024))
    raw[at : at + size] = bytes([random.choice((0, 255, 32, 48))]) * size
    return raw


def _binary(raw, random):
    """A number of a header becomes an extreme one."""
    size = random.choice((2, 4, 8))
    at = _place(raw, random) // size * size
    order = random.choice(("little", "big"))
    number = random.choice(NUMBERS) % 2 ** (8 * size)
    raw[at : at + size] = number.to_bytes(size, order)
    return raw


def _written(raw, random):
    """A number that is written in digits becomes another one, of as many digits or not."""
    found = list(re.finditer(rb"\d+", bytes(raw)))
    if not found:
        return _flip(raw, random)
    one = random.choice(found[:200])
    number = str(random.choice((*NUMBERS, 10**400))).encode()
    if random.random() < 0.5:
        number = number[-len(one[0]) :].rjust(len(one[0]), b"9")
    return raw[: one.start()] + number + raw[one.end() :]


FAULTS = (_flip, _flip, _cut, _insert, _repeat, _remove, _fill, _binary, _binary, _written)


def changed(value, random: Random):
    """What JSON can say, with a change somewhere in it."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        return _changed_dict(value, random)
    if isinstance(value, list) and value and random.random() < 0.8:
        return _changed_list(value, random)
    if type(value) is int and random.random() < 0.3:
        return value + random.choice((-1, 1, 2, 1000))
    return random.choice(VALUES)


def _changed_dict(value, random):
    key, how = random.choice(list(value)), random.random()
    if how < 0.1:
        return {k: v for k, v in value.items() if k != key}
    if how < 0.15:
        return {**value, random.choice(WORDS): value[key]}
    return {**value, key: changed(value[key], random)}


def _changed_list(value, random):
    at, how = random.randrange(len(value)), random.random()
    if how < 0.2:
        return value[:at] + value[at + 1 :]
    if how < 0.3:
        return value * random.choice((2, 50))
    return [*value[:at], changed(value[at], random), *value[at + 1 :]]


def change_json(path, random):
    """Change what a file of JSON says."""
    text = json.dumps(changed(json.loads(path.read_text()), random))
    if random.random() < 0.05:
        text = text.replace("0", deep(), 1)
    path.write_text(text)


CELLS = (
    *map(str, VALUES), "9" * 100_000, "0." + "1" * 50_000, "1e" + "9" * 4000, "1_0", "0x1",
    '"', "'", '""', "\r", "\n", "\x00", "\ufeff", "'{[" * 999, "=" * 9999,
    "-" * 40_000, "{'a':" * 5000, "[" * 20_000, "1," * 20_000, "1 " * 20_000,
)  # fmt: skip


def change_cells(path, random):
    """Change a table of text: cells, rows and columns."""
    comma = "\t" if path.suffix == ".tsv" else ","
    rows = [line.split(comma) for line in path.read_text().splitlines()]
    row = random.choice(rows)
    at = random.randrange(len(row))
    kind = random.randrange(10)
    if kind >= 8:
        row[at] = random.choice(("", "12.5", "-7", "2014-8-2"))
    elif kind <= 2:
        row[at] = random.choice(CELLS)
    elif kind == 3:
        del row[at]
    elif kind == 4:
        row.insert(at, row[at])
    elif kind == 5:
        rows += [row] * random.choice((1, min(3000, 10**5 // len(comma.join(row)) + 1)))
    elif kind == 6:
        rows[0] += [f"c{number}" for number in range(random.choice((1, 20_000)))]
    else:
        rows[0][random.randrange(len(rows[0]))] = random.choice(rows[0])
    path.write_text("\n".join(comma.join(row) for row in rows) + "\n")


def change_words(path, random):
    """Change a text that is none of ours: a YAML or a configuration."""
    lines = path.read_text().splitlines()
    at = random.randrange(len(lines))
    kind = random.randrange(7)
    if kind == 0:
        lines[at] = lines[at].partition(":")[0] + f": {random.choice(VALUES)}"
    elif kind == 1:
        lines.insert(at, lines[at])
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        lines[at] = "  " * random.randrange(9) + lines[at].strip()
    elif kind == 4:
        nested = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else '1'}]" for n in range(12)]
        lines += nested
    elif kind == 5:
        lines.append("deep: " + deep(random.choice((50, 20_000))))
    else:
        lines.append(f"x: !!python/object/apply:os.system [{random.choice(WORDS)!r}]")
    path.write_text("\n".join(lines) + "\n")
