// Reads lines of JSON {root, proof, key, value?}, all in hexadecimal, and prints
// for each whether @confio/ics23 with its tendermintSpec is shown that key has
// this value, or without value that key is absent. It ends with an error where
// protobufjs would write a proof in other bytes.
"use strict";

const { ics23, tendermintSpec, verifyMembership, verifyNonMembership } = require("@confio/ics23");
const { createInterface } = require("readline");

const bytes = (hex) => Buffer.from(hex, "hex");

function answer({ root, proof, key, value }) {
  const decoded = ics23.CommitmentProof.decode(bytes(proof));
  if (!bytes(proof).equals(ics23.CommitmentProof.encode(decoded).finish())) {
    throw new Error(`not the encoding of protobufjs: ${proof}`);
  }
  return value === undefined
    ? verifyNonMembership(decoded, tendermintSpec, bytes(root), bytes(key))
    : verifyMembership(decoded, tendermintSpec, bytes(root), bytes(key), bytes(value));
}

createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(answer(JSON.parse(line)));
});
