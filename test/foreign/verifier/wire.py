"""The one encoding: docs/format.md, section 3, with the messages of the schema."""
import os, re

def need(ok, what):
    if not ok:
        raise ValueError(what)

HIDDEN = """0-1f 7f-9f ad 600-605 61c 6dd 70f 890-891 8e2 180e 200b-200f 2028-202e 2060-2064 2066-206f feff fff9-fffb
    110bd 110cd 13430-1343f 1bca0-1bca3 1d173-1d17a e0001 e0020-e007f"""
HIDDEN = re.compile("[" + "".join("-".join(chr(int(c, 16)) for c in of.split("-")) for of in HIDDEN.split()) + "]")

def shows(b, most=256):
    return len(b) <= most and not HIDDEN.search(b.decode())

def schema(*files):  # {message: {number: (name, type, repeated, always written)}}, {enum: values}
    messages, enums, top = {}, {}, None
    for file in files:
        with open(file, encoding="utf-8") as f:
            text = re.sub(r"//[^\n]*", "", f.read())
        for what in re.finditer(r"(message|enum) (\w+) \{|(repeated )?(\w+) (\w+) = (\d+) ?(\[[^\]]*\])?;|(\w+) = (\d+)\b", text):
            if what[1]:
                top = what[2]
                (messages if what[1] == "message" else enums)[top] = {}
            elif what[6] and top in messages:
                messages[top][int(what[6])] = what[5], what[4], bool(what[3]), "nullable) = false" in (what[7] or "")
            elif what[9] and top in enums:
                enums[top][int(what[9])] = what[8]
    return messages, enums

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 3, "proto", "carbonledger", "tx", "v1")
MESSAGES, ENUMS = schema(os.path.join(HERE, "tx.proto"), os.path.join(HERE, "ledger.proto"))
LIMITS = {"uint64": (0, 2**64), "uint32": (0, 2**32), "int64": (-2**63, 2**63), "int32": (-2**31, 2**31), "bool": (0, 2)}

def uvarint(b, at):
    n = shift = 0
    while True:
        need(at < len(b) and shift < 70, "a varint without end")
        n, c, at, shift = n | (b[at] & 127) << shift, b[at], at + 1, shift + 7
        if c < 128:
            need(n < 2**64 and (c or shift == 7), "a varint that is not the shortest")
            return n, at

def decode(message, b, texts=False):
    """A message by the names of its fields, if these bytes are its one encoding. With texts
    its texts show, as those of transactions must."""
    fields, out, last, at = MESSAGES[message], {}, 0, 0
    for name, kind, many, _ in fields.values():
        out[name] = [] if many else b"" if kind in ("string", "bytes") else None if kind in MESSAGES else 0
    while at < len(b):
        tag, at = uvarint(b, at)
        value, at = uvarint(b, at)
        n, wire = tag >> 3, tag & 7
        need(n in fields and (n > last or n == last and fields[n][2]), f"{message} has field {n} that is unknown, double or out of order")
        (name, kind, many, _), last = fields[n], n
        number = kind in LIMITS or kind in ENUMS
        need(wire == (0 if number else 2), f"{message}.{name} has wire type {wire}")
        if number:
            low, high = LIMITS.get(kind, LIMITS["int32"])
            value -= 2**64 if low < 0 and value >= 2**63 else 0
            need(low <= value < high and (kind in LIMITS or value in ENUMS[kind]), f"{message}.{name} has no such value")
        else:
            need(at + value <= len(b), f"{message}.{name} is cut short")
            value, at = b[at:at + value], at + value
        need(value or many or kind in MESSAGES, f"{message}.{name} is written though it is empty")
        if kind == "string":
            need(value.decode(errors="replace").encode() == value, f"{message}.{name} is no UTF-8")
            need(not texts or shows(value, 2000 if message == "SetParameter" and name == "value" else 256), f"{message}.{name} does not show")
        value = decode(kind, value, texts) if kind in MESSAGES else value
        out[name] = out[name] + [value] if many else value
    for name, kind, many, always in fields.values():
        need(many or not always or out[name] is not None, f"{message}.{name} is missing")
    if message == "PublicKey":
        need(out["scheme"] in (1, 2) and len(out["key"]) <= 33, "a key of no scheme")
    return out
