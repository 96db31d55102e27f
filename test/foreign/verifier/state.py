"""State proofs and statements: docs/format.md, section 9."""
import json
import verify
from wire import decode, need, uvarint

LEAF = bytes.fromhex("0801180120012a0100")
RIGHT, LEFT = bytes.fromhex("08011201011a20"), bytes.fromhex("0801122101")

def length(b):  # uvarint(len(b)) ‖ b
    n, out = len(b), b""
    while n > 127:
        n, out = n >> 7, out + bytes([n & 127 | 128])
    return out + bytes([n]) + b

def fields(b, *numbers):  # {number: bytes}, the last of the numbers as a list; in order, of type bytes, and nothing else
    out, at, last = {numbers[-1]: []}, 0, 0
    while at < len(b):
        tag, at = uvarint(b, at)
        n, at = uvarint(b, at)
        number = tag >> 3
        need(tag & 7 == 2 and number in numbers and at + n <= len(b), "a proof with another field")
        need(number > last or number == last == numbers[-1], "a proof's fields out of order")
        if number == numbers[-1]:
            out[number].append(b[at:at + n])
        else:
            out[number] = b[at:at + n]
        at, last = at + n, number
    return out

class Existence:
    def __init__(self, b):
        f = fields(b, 1, 2, 3, 4)
        self.key, self.value = f.get(1), f.get(2)
        need(self.key and self.value and f.get(3) == LEAF and len(f[4]) <= 64, "no proof of existence by the specification")
        self.path = []  # (sibling is on the left, its hash), from the leaf upwards
        for op in f[4]:
            left = op.startswith(LEFT) and len(op) == len(LEFT) + 32
            need(left or op.startswith(RIGHT) and len(op) == len(RIGHT) + 32, "no step by the specification")
            self.path.append((left, op[-32:]))

    def root(self):
        h = verify.sha(b"\0" + length(self.key) + length(verify.sha(self.value)))
        for left, sibling in self.path:
            h = verify.sha(b"\1" + (sibling + h if left else h + sibling))
        return h

def proven(root, proof, key):  # the value of the key, None where it is proven that there is none
    need(len(proof) <= 65536 and proof and key, "no proof, or none about a key")
    f = fields(proof, 1, 2, 3)
    need(not f[3] and (1 in f) != (2 in f), "neither existence nor absence")
    if 1 in f:
        e = Existence(f[1])
        need(e.key == key and e.root() == root, "the proof is about another key or root")
        return e.value
    f = fields(f[2], 1, 2, 3)
    need(f.get(1) == key and len(f[3]) <= 1 and (2 in f or f[3]), "the absence of another key, or without neighbours")
    left, right = Existence(f[2]) if 2 in f else None, Existence(f[3][0]) if f[3] else None
    need((not left or left.key < key and left.root() == root) and (not right or right.key > key and right.root() == root), "no neighbours of the key under the root")
    down, up = (list(reversed(e.path)) if e else [] for e in (left, right))
    if left and right:
        n = 0
        while n < min(len(down), len(up)) and down[n] == up[n]:
            n += 1
        need(n < min(len(down), len(up)) and not down[n][0] and up[n][0], "the neighbours are not next to each other")
        down, up = down[n + 1:], up[n + 1:]
    need(all(side for side, _ in down) and not any(side for side, _ in up), "the neighbours are not next to the key")
    return None

def file(text, policy):  # key, value or None, and the state root
    head, _, receipt = text.partition(b"\n\n")
    lines = head.decode(errors="surrogateescape").split("\n")
    need(len(lines) == 3 and lines[0] == "carbonledger/state-proof@v1" and lines[1].startswith("key ") and lines[2].startswith("proof "), "no state proof")
    key, proof = verify.unbase64(lines[1][4:]), verify.unbase64(lines[2][6:])
    _, _, raw = verify.included(receipt, None, policy)
    root = decode("OutcomeRecord", raw)["state_root"]
    need(root is not None, "the entry names no root")
    return key, proven(root["root"], proof, key), root

def statement(text, policy):  # how many entries come before, and the records
    s = json.loads(text)
    need(type(s) is dict and {"party", "to", "entries"} <= set(s) and type(s["entries"]) is list, "no statement")
    need(all(type(e) is dict and set(e) == {"index", "record", "puts"} and type(e["index"]) is int for e in s["entries"]), "no statement's entries")
    own = {"party": s["party"], **({"from": s["from"]} if s.get("from") else {}), "to": s["to"],
           "entries": [{"index": e["index"], "record": e["record"], "puts": e["puts"]} for e in s["entries"]]}
    need(json.dumps(own, indent=1, ensure_ascii=False) + "\n" == text, "a statement that is not written as it must be")
    def end(text):
        key, value, _ = file(text.encode(), policy)
        need(key == b"\x31" + s["party"].encode() and (value is None or len(value) == 40), "the end of another statement")
        return (int.from_bytes(value[:8], "big"), value[8:]) if value else (0, bytes(32))
    (before, head), (count, want) = end(s["from"]) if "from" in own else (0, bytes(32)), end(s["to"])
    records = []
    for e in s["entries"]:
        raw, puts = verify.unbase64(e["record"]), verify.unbase64(e["puts"])
        records.append(decode("OutcomeRecord", raw))
        head = verify.sha(b"carbonledger/statement/v1\0" + head + e["index"].to_bytes(8, "big") + verify.sha(b"\0" + raw) + verify.sha(puts))
    need(count == before + len(records) and head == want, "the entries do not lead from one end to the other")
    return before, records
