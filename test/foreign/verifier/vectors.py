"""Try verify.py on the test vectors: docs/format.md, section 11."""
import json, os, sys
import verify, wire

def load(*path):
    with open(os.path.join(wire.HERE, *[".."] * 4, *path), encoding="utf-8") as f:
        return json.load(f)

def outcome(f, *args):
    try:
        return f(*args)
    except ValueError:
        return None

wrong, log, tx = [], load("tx", "proof", "testdata", "vectors", "log.json"), load("tx", "testdata", "vectors.json")
policy, genesis, refused = verify.read_policy(log["policy"]), bytes.fromhex(tx["genesis_hash"]), log["refused"]
for t in tx["transactions"] + tx["sm2_transactions"]:
    got = outcome(verify.transaction, bytes.fromhex(t["transaction"]), genesis)
    wrong += [t["name"]] if got is None or got[0].hex() != t["id"] else []
c = log["checkpoint"]
wrong += ["checkpoint"] if outcome(verify.checkpoint, c["note"].encode(), policy) != (c["size"], bytes.fromhex(c["root"])) else []
for r in log["receipts"]:
    wrong += ["a receipt"] if outcome(verify.included, r["file"].encode(), None, policy) != (r["index"], c["size"], bytes.fromhex(r["record"])) else []
for what, f, all in [
        ("transaction", lambda t: verify.transaction(bytes.fromhex(t["transaction"]), genesis), tx["refused"]),
        ("note", lambda n: verify.checkpoint(n["text"].encode(), policy), refused["notes"]),
        ("checkpoint", lambda n: verify.checkpoint(n["text"].encode() + c["note"][len(c["text"]):].encode(), policy), refused["checkpoint_texts"]),
        ("policy", lambda p: verify.read_policy(p["text"]), refused["policies"]),
        ("receipt", lambda r: verify.included(r["text"].encode(), None, policy), refused["receipts"])]:
    for one in all:
        wrong += [f"{what} taken: {one['name']}"] if outcome(f, one) is not None else []
if wrong:
    sys.exit("FAILED: " + "; ".join(wrong))
print(f"OK {len(tx['transactions'])} transactions, {len(tx['refused'])} refused")
