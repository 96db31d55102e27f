#!/usr/bin/env python3
"""Verify a log in its static form, or a receipt, from docs/format.md alone: (4) is
its section 4. Python's standard library only. What section 10 lists is checked but
for the size of blocks, and other copies. Ed25519
is verified without the cofactor, which agrees with ZIP-215 on all that is honest."""
import argparse, base64, hashlib, os, re, sys
import ed25519, sm2
from wire import decode, need, shows

def sha(b): return hashlib.sha256(b).digest()
def get(path):
    with open(path, "rb") as f:
        return f.read()

count = {"transactions": 0, "Ed25519": 0, "SM2": 0}

def visible(b):
    return 1 <= len(b) <= 32 and all(0x21 <= c <= 0x7e for c in b)

def holds(key, message, sig):
    need(len(sig) == 64 and len(key["key"]) == (32 if key["scheme"] == 1 else 33), "a signature of no scheme")
    count["Ed25519" if key["scheme"] == 1 else "SM2"] += 1
    need((ed25519 if key["scheme"] == 1 else sm2).verify(key["key"], message, sig), "a signature does not hold")

def operation(tag, party, o, prepared=False):  # the table of (2)
    members = [(name, value) for name, value in o.items() if value is not None]
    need(len(members) == 1, "an operation without its one member")
    name, o = members[0]
    if name in ("open_account", "add_key", "recover_keys"):
        who = {"open_account": o.get("id"), "recover_keys": o.get("party")}.get(name, party)
        for k in o["keys"] if name != "add_key" else [o["key"]]:
            holds(k["key"], tag(b"key") + who, k["proof"])
    elif name == "register_order":
        signed = o["order"]
        holds(signed["signature"]["key"], tag(b"order") + signed["body"], signed["signature"]["signature"])
        body = decode("OrderBody", signed["body"], texts=True)
        need(body["side"] in (1, 2) and body["kind"] in (10, 20, 21) and visible(body["reference"]), "an order without form")
    elif name == "prepare":
        need(not prepared, "a prepared operation that prepares")
        for one in o["operations"]:
            operation(tag, party, one, True)
    need(name not in ("approve", "withdraw_prepared") or len(o["prepared"]) == 32, "an id that is none")
    need(name != "bring_forward_page" or o["page"], "a page without bytes")

def transaction(raw, genesis):
    def tag(what): return b"carbonledger/" + what + b"/v1\0" + genesis
    need(len(raw) <= 60000, "a transaction of more than 60,000 bytes")
    t = decode("Transaction", raw)
    body = decode("Body", t["body"], texts=True)
    keys = {(s["key"]["scheme"], s["key"]["key"]) for s in t["signatures"]}
    need(keys and len(keys) == len(t["signatures"]), "no signature, or two by one key")
    need(1 <= len(body["operations"]) <= 2000 and visible(body["reference"]), "a transaction without form")
    for s in t["signatures"]:
        holds(s["key"], tag(b"tx") + t["body"], s["signature"])
    for o in body["operations"]:
        operation(tag, body["party"], o)
    count["transactions"] += 1
    return sha(tag(b"tx") + t["body"]), body

def shape(raw, index):  # (4), what needs no genesis document
    need(len(raw) <= 65535, "an entry of more than 65,535 bytes")
    e = decode("OutcomeRecord", raw)
    height, head, root, r = e["height"], e["head"], e["state_root"], e["receipt"]
    need(len(e["previous_hash"]) == 32 and bool(e["transaction"]) == (r is not None), "an entry without form")
    need((height == 0) == (index == 0) and (index or len(raw) == 34), "the founding in another place, or with more in it")
    need(head is None or head["applied_height"] < height and len(head["applied_hash"]) == 32 and shows(head["proposer"]), "a head without form")
    need(head is not None or r is not None or not index, f"what was proposed for height {height} is no block")
    need(root is None or 0 < root["height"] == height - 1 and len(root["root"]) == 32 and (r is None or head is not None), "a state root of another place")
    if r is not None:
        need(r["index"] == index and r["height"] == height and (r["position"] == 0) == (head is not None), "the receipt is of another place")
        need(not r["first_id"] and len(r["id"]) == 32 and shows(r["subject"], 403), "a receipt without form")
        need(r["reason"] not in (*range(1, 9), 10, 20, 23, 25, 29), f"a record with reason {r['reason']}")
        need(r["reason"] or not any(r[n] for n in ("operation", "subject", "have", "want")), "accepted, but refused")
    need(r or not e["carried_out"], "carried out by no transaction")
    need((e["records"] > 0) == (r is not None and head is not None), "a count of records where none stands, or none where it does")
    return e

def record(raw, index, genesis):  # (4)
    e, body = shape(raw, index), None
    r = e["receipt"]
    need(index or raw == b"\x12\x20" + genesis, "the founding is by another genesis document")
    if r is not None:
        id, body = transaction(e["transaction"], genesis)
        need(id == r["id"], "the receipt's id is not the transaction's")
        need((r["party"], r["reference"]) == (body["party"], body["reference"]) and r["operation"] < len(body["operations"]), "the receipt is of another transaction")
        for c in e["carried_out"]:
            at, prepared = c["operation"], decode("Body", c["body"], texts=True)
            need(not r["reason"] and 0 < c["index"] < index and at < len(body["operations"]) and prepared["party"] == r["party"], "carried out, but where")
            approve = body["operations"][at]["approve"]
            need(approve and approve["prepared"] == sha(b"carbonledger/tx/v1\0" + genesis + c["body"]), "what was carried out is not what was approved")
            need(len(prepared["operations"]) == 1 and prepared["operations"][0]["prepare"], "what was carried out was not prepared")
        need(sorted({c["operation"] for c in e["carried_out"]}) == [c["operation"] for c in e["carried_out"]], "carried out in another order")
        need(r["reason"] != 24 or 0 != body["expiry"] == r["have"] < r["want"] == r["time"], "expired, but not by its expiry")
    return e, body

def join(entries, genesis):  # (4, 5)
    hashes, last, clock, used, ids, network, missing = [], None, None, set(), {}, None, 0  # hashes[h] is hash(h-1)
    for i, raw in enumerate(entries):
        try:
            e, body = record(raw, i, genesis)
            h, head, r = e["height"], e["head"], e["receipt"]
            if last is None or h != last["height"]:
                need(last is None or h == last["height"] + 1 and head is not None, f"height {h} does not follow, or has no head")
                need(missing == 0, f"the block before lacks {missing} records")
                missing = e["records"]
                hashes.append(e["previous_hash"])
                if h:
                    need(head["applied_hash"] == hashes[head["applied_height"] + 1], f"the proposer had another hash at height {head['applied_height']}")
                    if clock is not None and not network[1]:
                        clock = max(clock, min(head["stamp"], clock + 600000, 253402271999999))
            else:
                need(r is not None and last["receipt"] is not None and r["position"] == last["receipt"]["position"] + 1, "a position does not follow")
                need(e["previous_hash"] == last["previous_hash"], "two records of a block with different hashes before it")
            if r is not None:
                network, unique = network or (body["chain_id"], r["script_clock"]), (r["party"], r["reference"])
                need((body["chain_id"], r["script_clock"]) == network and unique not in used, "another network, or a reference used twice")
                need(clock is None or (r["time"] >= clock if network[1] else r["time"] == clock), f"ledger time {r['time']}, the stamps give {clock}")
                need(network[1] or r["reason"] == 24 or not 0 != body["expiry"] < r["time"], "it has expired, but is not refused for it")
                clock = r["time"]
                used.add(unique)
                ids[i] = None if r["reason"] else r["id"]
                for c in e["carried_out"]:
                    need(ids.get(c["index"]) == body["operations"][c["operation"]]["approve"]["prepared"], f"entry {c['index']} did not prepare it")
            last, missing = e, missing - (r is not None)
            need(missing >= 0, "more records than the block has")
        except ValueError as bad:
            raise ValueError(f"entry {i}: {bad}")
    need(missing == 0, f"the last block lacks {missing} records")
    return len(hashes) - 1

# Tree and files (6).
def read(directory, kind, index, width):
    name, n = f"{index % 1000:03}", index // 1000
    while n:
        name, n = f"x{n % 1000:03}/{name}", n // 1000
    path = os.path.join(directory, "tile", kind, name)
    if width < 256 and os.path.exists(f"{path}.p/{width}"):
        return get(f"{path}.p/{width}"), width
    return get(path), 256

def log(directory, size, root, genesis):
    entries = []
    for n in range((size + 255) // 256):
        b, width = read(directory, "entries", n, min(256, size - 256 * n))
        at = 0
        for i in range(width):
            end = at + 2 + int.from_bytes(b[at:at + 2], "big")
            need(at + 2 <= len(b) and end <= len(b), f"bundle {n} is cut short")
            entries.append(b[at + 2:end])
            at = end
        need(at == len(b), f"bundle {n} is too long")
    del entries[size:]
    level, height = [sha(b"\0" + e) for e in entries], 0
    while level:
        if height % 8 == 0 and (size >> height):
            full = level[:size >> height]
            for n in range((len(full) + 255) // 256):
                want = b"".join(full[256 * n:256 * n + 256])
                b, width = read(directory, str(height // 8), n, len(want) // 32)
                need(len(b) == 32 * width and b.startswith(want), f"tile {n} of level {height // 8} does not follow from the entries")
        if len(level) == 1 and not size >> height + 1:
            break
        level, height = [sha(b"\1" + b"".join(level[i:i + 2])) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)], height + 1
    need((level[0] if level else sha(b"")) == root, "the entries do not lead to the checkpoint's root")
    return join(entries, genesis)

# Checkpoint and policy (7).
def unbase64(s):
    b = base64.b64decode(s, validate=True)
    need(base64.b64encode(b).decode() == s, "base64 that is not written as it must be")
    return b

def vkey(s, kind):
    name, id, key = (s.split("+", 2) + ["", ""])[:3]
    b = unbase64(key)
    need(name and len(b) == 33 and b[0] == kind and id == sha(name.encode() + b"\n" + b)[:4].hex(), f"no key of type {kind}: {s}")
    return name, bytes.fromhex(id), b[1:]

def read_policy(text):
    need(len(text.encode()) <= 65536 and not re.search(r"[\0-\x08\x0b-\x1f\x7f]", text), "a policy with control characters, or too long")
    logkey, quorum, names, members, keys = None, None, {}, set(), set()
    for line in text.split("\n"):
        w = re.split(r"[ \t]+", line.strip(" \t"))
        if w[0] == "" or w[0].startswith("#"):
            continue
        if w[0] == "log" and len(w) in (2, 3) and not logkey:
            logkey = vkey(w[1], 1)
        elif w[0] in ("witness", "group") and len(w) >= 3:
            need(w[1] not in names and w[1] not in "log witness group quorum any all none".split(), f"the name {w[1]} is taken")
            if w[0] == "witness":
                names[w[1]] = key = vkey(w[2], 4)
                need(len(w) <= 4 and key[2] not in keys, f"the key of {w[1]} stands there twice")
                keys.add(key[2])
                continue
            k = {"any": 1, "all": len(w) - 3}.get(w[2]) or (int(w[2]) if re.fullmatch("[0-9]{1,3}", w[2]) else 0)
            need(1 <= k <= len(w) - 3 and len(set(w[3:])) == len(w) - 3 and all(m in names and m not in members for m in w[3:]), f"the group {w[1]}")
            names[w[1]] = k, w[3:]
            members.update(w[3:])
        else:
            need(w[0] == "quorum" and len(w) == 2 and not quorum and (w[1] in names or w[1] == "none"), f"the policy's line {line}")
            quorum = w[1]
    need(logkey and quorum, "a policy without log or quorum")
    return logkey, names, quorum

def checkpoint(note, policy):
    need(len(note) <= 16384 and not re.search(rb"[\0-\x09\x0b-\x1f]", note) and note.endswith(b"\n") and b"\n\n" in note, "no signed note")
    logkey, names, quorum = policy
    text, lines = note[:note.rindex(b"\n\n") + 1], note[note.rindex(b"\n\n") + 2:-1].decode(errors="surrogateescape").split("\n")
    three = text.decode(errors="surrogateescape").split("\n")
    need(len(three) == 4 and three[0] == logkey[0] and re.fullmatch("0|[1-9][0-9]{0,19}", three[1]) and len(lines) <= 100, "no checkpoint of this log")
    root, signers, wanted = unbase64(three[2]), set(), {k[:2]: k for k in [logkey, *(k for k in names.values() if len(k) == 3)]}
    for line in lines:
        w = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        need(w, "a line that is no signature")
        sig = base64.b64decode(w[2], validate=True)
        need(len(sig) > 4, "a signature of no byte")
        key = wanted.get((w[1], sig[:4]))
        if key is None:
            continue
        unbase64(w[2])
        need(key not in signers and len(sig) == (68 if key == logkey else 76), f"a second signature of {w[1]}, or one of another length")
        at = int.from_bytes(sig[4:12], "big")
        message = text if key == logkey else b"cosignature/v1\ntime %d\n" % at + text
        need((key == logkey or at < 2**63) and ed25519.verify(key[2], message, sig[-64:]), f"the signature of {w[1]} does not hold")
        signers.add(key)
    def counts(name): return names[name] in signers if len(names[name]) == 3 else sum(map(counts, names[name][1])) >= names[name][0]
    need(logkey in signers and len(root) == 32 and (quorum == "none" or counts(quorum)), "the checkpoint does not count by the policy")
    return int(three[1]), root

def lead(index, size, h, path):  # the root to which the path leads, None for none: RFC 9162, 2.1.3.2
    n, last = index, size - 1
    for p in path:
        if not last:
            return None
        if n & 1 or n == last:
            h = sha(b"\1" + p + h)
            while n and not n & 1:
                n, last = n >> 1, last >> 1
        else:
            h = sha(b"\1" + h + p)
        n, last = n >> 1, last >> 1
    return h if last == 0 else None

def included(file, leaf, policy):  # (8)
    need(len(file) <= 163840, "a receipt of more than 163,840 bytes")
    top, _, note = file.partition(b"\n\n")
    lines = top.decode(errors="surrogateescape").split("\n")
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1" and lines, "no tlog-proof")
    raw = leaf
    if lines[0].startswith("extra "):
        raw = unbase64(lines.pop(0)[6:])
        need(0 < len(raw) <= 49146 and leaf is None, "a record that cannot stand in a receipt, or two")
    need(raw and lines and re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[0]), "no record, or no index")
    size, root = checkpoint(note, policy)
    index, path, h = int(lines[0][6:]), [unbase64(s) for s in lines[1:]], sha(b"\0" + raw)
    need(index < size and len(path) <= 63 and all(len(p) == 32 for p in path), "a path without form")
    need(lead(index, size, h, path) == root, "the path does not lead to the checkpoint's root")
    return index, size, raw

def main():
    a = argparse.ArgumentParser(description=__doc__)
    for name in ("--policy", "--genesis", "--receipt", "--leaf", "--log"):
        a.add_argument(name, required=name in ("--policy", "--genesis"))
    a = a.parse_args()
    try:
        genesis, policy = bytes.fromhex(a.genesis), read_policy(get(a.policy).decode())
        if a.log:
            size, root = checkpoint(get(os.path.join(a.log, "checkpoint")), policy)
            print(f"OK log of size {size}, height {log(a.log, size, root, genesis)}")
        if a.receipt:
            index, size, raw = included(get(a.receipt), a.leaf and get(a.leaf), policy)
            record(raw, index, genesis)
            print(f"OK receipt: index {index}, size {size}")
        print(", ".join(f"{n} {what}" for what, n in count.items()))
    except (OSError, ValueError) as e:
        sys.exit(f"FAILED: {e}")

if __name__ == "__main__":
    main()
