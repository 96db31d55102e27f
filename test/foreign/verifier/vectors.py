"""Try verify.py and state.py on the test vectors: docs/format.md, section 11. Every
file of testdata/vectors is read, and every part of it is checked or named as unknown."""
import json, os, sys
import ed25519, state, verify, wire

DIR = os.path.join(wire.HERE, *[".."] * 4, "testdata", "vectors")
wrong, counts, hexed = [], {}, bytes.fromhex

def load(name):
    with open(os.path.join(DIR, name), encoding="utf-8") as f:
        return json.load(f)

def outcome(f, *args):
    try:
        return f(*args)
    except ValueError:
        return None

def holds(what, ok):
    counts["taken"] = counts.get("taken", 0) + 1
    if not ok:
        wrong.append(what)

def refuses(what, f, all, name=lambda one: one.get("name", "")):
    for one in all:
        counts["refused"] = counts.get("refused", 0) + 1
        if outcome(f, one) is not None:
            wrong.append(f"{what} taken: {name(one)}")

# The tree (6), from its definition.
def roots(leaves):  # the root of every prefix that is asked for
    memory = {}
    def root(start, end):
        if end - start < 2:
            return leaves(start) if end > start else verify.sha(b"")
        if (start, end) not in memory:
            k = 1 << (end - start - 1).bit_length() - 1
            memory[start, end] = verify.sha(b"\1" + root(start, start + k) + root(start + k, end))
        return memory[start, end]
    return lambda size: root(0, size)

def consistent(old, size, path, first, second):  # RFC 9162, 2.1.4.2
    if old == size or old == 0:
        return path == [] and (first == second if old == size else first == verify.sha(b""))
    if old & (old - 1) == 0:
        path = [first] + path
    if not path:
        return False
    n, last = old - 1, size - 1
    while n & 1:
        n, last = n >> 1, last >> 1
    a = b = path[0]
    for p in path[1:]:
        if not last:
            return False
        if n & 1 or n == last:
            a, b = verify.sha(b"\1" + p + a), verify.sha(b"\1" + p + b)
            while n and not n & 1:
                n, last = n >> 1, last >> 1
        else:
            b = verify.sha(b"\1" + b + p)
        n, last = n >> 1, last >> 1
    return last == 0 and (a, b) == (first, second)

def leads(c):
    verify.need(verify.lead(c["index"], c["size"], hexed(c["leaf_hash"]), [hexed(p) for p in c["path"]]) == hexed(c["root"]), "no inclusion")
    return True

def joins(c):
    verify.need(consistent(c["old"], c["size"], [hexed(p) for p in c["path"]], hexed(c["old_root"]), hexed(c["root"])), "no consistency")
    return True

def messages(v):
    genesis, keys = hexed(v.pop("genesis_hash")), {k["name"]: hexed(k["public"]) for k in v.pop("keys")}
    def tag(what): return b"carbonledger/" + what + b"/v1\0" + genesis
    for t in v.pop("transactions") + v.pop("sm2_transactions"):
        got = outcome(verify.transaction, hexed(t["transaction"]), genesis)
        holds(t["name"], got is not None and got[0].hex() == t["id"])
    for o in v.pop("orders"):
        message = tag(b"order") + hexed(o["body"])
        holds("order", verify.sha(message).hex() == o["id"] and ed25519.verify(keys[o["signer"]], message, hexed(o["signature"])))
    for p in v.pop("key_proofs"):
        holds("key proof", ed25519.verify(keys[p["key"]], tag(b"key") + p["party"].encode(), hexed(p["proof"])))
    for a in v.pop("attestations"):
        message = tag(b"attest") + a["height"].to_bytes(8, "big") + hexed(a["hash"])
        holds("attestation", message.hex() == a["message"] and ed25519.verify(keys[a["signer"]], message, hexed(a["signature"])))
    for r in v.pop("reads"):
        message = tag(b"read") + r["method"].encode() + verify.sha(hexed(r["request"])) + r["at"].to_bytes(8, "big")
        holds("read", message.hex() == r["message"] and ed25519.verify(keys[r["signer"]], message, hexed(r["signature"])))
    refuses("transaction", lambda t: verify.transaction(hexed(t["transaction"]), genesis), v.pop("refused"))

def records(v):
    genesis, entries = hexed(v.pop("genesis_hash")), v.pop("entries")
    raws, refused = [hexed(e["entry"]) for e in entries], v.pop("refused")
    holds("the log's records", outcome(verify.join, raws, genesis) == entries[-1]["height"])
    for i, e in enumerate(entries):
        got = outcome(verify.record, raws[i], i, genesis)
        r = got and got[0]["receipt"]
        said = (r["position"], r["id"].hex(), r["reason"]) if r else (0, "", 0)
        holds(e["name"], got and got[0]["height"] == e["height"] and said == (e["position"], e.get("id", ""), e["number"]))
    for b in v.pop("blocks"):
        own = [wire.decode("OutcomeRecord", raw) for raw, e in zip(raws, entries) if e["height"] == b["height"]]
        head = raws[next(i for i, e in enumerate(entries) if e["height"] == b["height"])]
        whole = part(head, 3) + b"".join(b"\x2a" + state.length(r["transaction"]) for r in own if r["transaction"])
        holds(f"block {b['height']}", whole.hex() == b["block"])
    refuses("record", lambda r: verify.record(hexed(r["entry"]), r["index"], genesis), refused.pop("records"))
    def block(b):
        first = next(i for i, raw in enumerate(raws) if wire.decode("OutcomeRecord", raw)["height"] == wire.decode("OutcomeRecord", hexed(b["entries"][0]))["height"])
        return verify.join(raws[:first] + [hexed(e) for e in b["entries"]], genesis)
    refuses("block", block, refused.pop("blocks"))
    v.update(refused)

def part(raw, number):  # the bytes of a field that is there
    at = 0
    while at < len(raw):
        tag, at = wire.uvarint(raw, at)
        n, at = wire.uvarint(raw, at)
        if tag & 7 == 2:
            if tag >> 3 == number:
                return raw[at:at + n]
            at += n

def receipt(text, policy):
    index, size, raw = verify.included(text.encode(), None, policy)
    verify.shape(raw, index)  # the transactions in log.json are samples
    return index, size, raw

def log(v):
    policy, c, entries, refused = verify.read_policy(v.pop("policy")), v.pop("checkpoint"), v.pop("entries"), v.pop("refused")
    for k in v.pop("keys"):
        key = verify.vkey(k["vkey"], 1 if k["name"] == "log" else 4)
        holds("key", key[2].hex() == k["public"])
    leaves = [verify.sha(b"\0" + hexed(e["entry"])) for e in entries]
    for leaf, e in zip(leaves, entries):
        holds("leaf hash", leaf.hex() == e["leaf_hash"])
    root = roots(lambda i: leaves[i])
    for r in v.pop("roots"):
        holds(f"root of {r['size']}", root(r["size"]).hex() == r["root"])
    for t in v.pop("tiles"):
        raw = hexed(t["content"])
        want = b"".join(leaves) if "entries" not in t["path"] else b"".join(len(hexed(e["entry"])).to_bytes(2, "big") + hexed(e["entry"]) for e in entries)
        holds(t["path"], raw == want)
    note = c["note"].encode()
    holds("checkpoint", outcome(verify.checkpoint, note, policy) == (c["size"], hexed(c["root"])))
    holds("checkpoint's parts", c["text"] == f"{c['origin']}\n{c['size']}\n{c['note'].split(chr(10))[2]}\n" and c["note"] == c["text"] + "\n" + c["origin_line"] + "".join(c["cosignature_lines"]))
    for p in v.pop("policies"):
        got = outcome(lambda p: verify.checkpoint(p["note"].encode(), verify.read_policy(p["policy"])), p)
        holds("policy: " + p["name"], (got is not None) == p["counts"])
    for r in v.pop("receipts"):
        holds("receipt", outcome(receipt, r["file"], policy) == (r["index"], c["size"], hexed(r["record"])))
    for i in v.pop("inclusion"):
        holds("inclusion", outcome(leads, i) and hexed(i["root"]) == root(i["size"]) and hexed(i["leaf_hash"]) == leaves[i["index"]])
    for i in v.pop("consistency"):
        holds("consistency", outcome(joins, i))
    counted = v.pop("counted")
    def leaf(i): return verify.sha(b"\0entry %d" % i)
    root = roots(leaf)
    for r in counted.pop("roots"):
        holds(f"counted root of {r['size']}", root(r["size"]).hex() == r["root"])
    for i in counted.pop("inclusion"):
        holds("counted inclusion", outcome(leads, i) and hexed(i["root"]) == root(i["size"]) and hexed(i["leaf_hash"]) == leaf(i["index"]))
    for i in counted.pop("consistency"):
        holds("counted consistency", outcome(joins, i) and hexed(i["old_root"]) == root(i["old"]))
    for t in counted.pop("tiles"):
        words = t["path"].split("/")
        first, width = 256 * int(words[2][:3]), int(words[3]) if len(words) == 4 else 256
        span = 1 if words[1] == "entries" else 256 ** int(words[1])
        if words[1] == "entries":
            raw = b"".join(len(b"entry %d" % i).to_bytes(2, "big") + b"entry %d" % i for i in range(first, first + width))
        else:
            raw = b"".join(roots(lambda i, k=k: leaf(span * k + i))(span) for k in range(first, first + width))
        holds(t["path"], verify.sha(raw).hex() == t["sha256"])
    refuses("note", lambda n: verify.checkpoint(n["text"].encode(), policy), refused.pop("notes"))
    refuses("checkpoint", lambda n: verify.checkpoint(n["text"].encode() + c["note"][len(c["text"]):].encode(), policy), refused.pop("checkpoint_texts"))
    refuses("policy", lambda p: verify.read_policy(p["text"]), refused.pop("policies"))
    refuses("receipt", lambda r: receipt(r["text"], policy), refused.pop("receipts"))
    refuses("inclusion", leads, refused.pop("inclusion"))
    refuses("consistency", joins, refused.pop("consistency"))
    refused.pop("paths")  # the verifier writes paths, and reads none
    v.update(counted, **refused)

def states(v):
    root, policy, refused = hexed(v.pop("root")), verify.read_policy(v.pop("policy")), v.pop("refused")
    leaves = [verify.sha(b"\0" + state.length(hexed(r["key"])) + b"\x20" + verify.sha(hexed(r["value"]))) for r in v.pop("records")]
    holds("the state's root", roots(lambda i: leaves[i])(len(leaves)) == root)
    def shown(p): return state.proven(root, hexed(p["proof"]), hexed(p["key"])) or b"", True
    for p in v.pop("proofs"):
        holds("state proof: " + p["name"], outcome(shown, p) == (hexed(p.get("value", "")), True) and p["exists"] == ("value" in p))
    for f in v.pop("files"):
        got = outcome(state.file, f["file"].encode(), policy)
        holds("file: " + f["name"], got and (got[0].hex(), (got[1] or b"").hex(), got[2]["height"], got[2]["day"], got[2]["root"].hex()) == (f["key"], f.get("value", ""), f["height"], f["day"], f["root"]))
    for s in v.pop("statements"):
        got = outcome(state.statement, s["file"], policy)
        holds("statement: " + s["name"], got and got[0] == s["before"] and len(got[1]) == len(json.loads(s["file"])["entries"]))
    refuses("state proof", lambda p: (state.proven(hexed(p["value"]) if "value" in p else root, hexed(p["proof"]), hexed(p["key"])), True), refused.pop("proofs"))
    refuses("file", lambda f: state.file(f["text"].encode(), policy), refused.pop("files"))
    refuses("statement", lambda s: state.statement(s["file"], policy), refused.pop("statements"))
    v.update(refused)

KNOWN = {"signed-messages.json": messages, "records.json": records, "log.json": log, "state.json": states}
for name in sorted(os.listdir(DIR)):
    if name == "README.md":
        continue
    if name not in KNOWN:
        wrong.append(f"{name} is a file that nothing here checks")
        continue
    v = load(name)
    v.pop("about")
    KNOWN[name](v)
    wrong += [f"{name} has {part}, which nothing here checks" for part in v]
if wrong:
    sys.exit("FAILED: " + "; ".join(wrong))
print(f"OK {counts['taken']} taken, {counts['refused']} refused")
