package proof

import (
	"bytes"
	"encoding/hex"
	"flag"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

const vectorsFile = "testdata/vectors/log.json"

// hexBytes are shown in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(s []byte) (err error) {
	*h, err = hex.DecodeString(string(s))
	return err
}

// The layout of log.json. All of it follows from the seeds and the entries.
type (
	vectors struct {
		About       []string            `json:"about"`
		Keys        []keyVector         `json:"keys"`
		Entries     []entryVector       `json:"entries"`
		Roots       []rootVector        `json:"roots"`
		Inclusion   []inclusionVector   `json:"inclusion"`
		Consistency []consistencyVector `json:"consistency"`
		Checkpoint  checkpointVector    `json:"checkpoint"`
		Policy      string              `json:"policy"`
		Receipts    []receiptVector     `json:"receipts"`
		Tiles       []tileVector        `json:"tiles"`
		State       stateVector         `json:"state"`
		Refused     refusedVectors      `json:"refused"`
	}
	keyVector struct {
		Name   string   `json:"name"`
		Seed   hexBytes `json:"seed"`
		Public hexBytes `json:"public"`
		VKey   string   `json:"vkey"`
	}
	entryVector struct {
		Entry    hexBytes `json:"entry"`
		LeafHash hexBytes `json:"leaf_hash"`
	}
	rootVector struct {
		Size uint64   `json:"size"`
		Root hexBytes `json:"root"`
	}
	inclusionVector struct {
		Index  uint64     `json:"index"`
		Size   uint64     `json:"size"`
		Leaf   hexBytes   `json:"leaf_hash"`
		Path   []hexBytes `json:"path"`
		Root   hexBytes   `json:"root"`
		Reason string     `json:"reason,omitempty"`
	}
	consistencyVector struct {
		Old     uint64     `json:"old"`
		Size    uint64     `json:"size"`
		Path    []hexBytes `json:"path"`
		OldRoot hexBytes   `json:"old_root"`
		Root    hexBytes   `json:"root"`
		Reason  string     `json:"reason,omitempty"`
	}
	checkpointVector struct {
		Origin       string   `json:"origin"`
		Size         uint64   `json:"size"`
		Root         hexBytes `json:"root"`
		Time         uint64   `json:"time"`
		Text         string   `json:"text"`
		OriginLine   string   `json:"origin_line"`
		Cosignatures []string `json:"cosignature_lines"`
		Note         string   `json:"note"`
	}
	receiptVector struct {
		Index  uint64   `json:"index"`
		Record hexBytes `json:"record"`
		File   string   `json:"file"`
	}
	tileVector struct {
		Path    string   `json:"path"`
		Content hexBytes `json:"content"`
	}
	stateVector struct {
		Records []recordVector     `json:"records"`
		Root    hexBytes           `json:"root"`
		Proofs  []stateProofVector `json:"proofs"`
	}
	recordVector struct {
		Key   hexBytes `json:"key"`
		Value hexBytes `json:"value"`
	}
	stateProofVector struct {
		Name   string   `json:"name"`
		Key    hexBytes `json:"key"`
		Proof  hexBytes `json:"proof"`
		Exists bool     `json:"exists"`
		Value  hexBytes `json:"value,omitempty"`
		Reason string   `json:"reason,omitempty"`
	}
	textVector struct {
		Name   string `json:"name"`
		Text   string `json:"text"`
		Reason string `json:"reason"`
	}
	refusedVectors struct {
		Inclusion   []inclusionVector   `json:"inclusion"`
		Consistency []consistencyVector `json:"consistency"`
		Checkpoints []textVector        `json:"checkpoint_texts"`
		Notes       []textVector        `json:"notes"`
		Policies    []textVector        `json:"policies"`
		Receipts    []textVector        `json:"receipts"`
		Paths       []string            `json:"paths"`
		State       []stateProofVector  `json:"state_proofs"`
	}
)

var aboutVectors = []string{
	"Test vectors of carbonledger's log. Byte strings are hexadecimal; texts are as they are, in UTF-8.",
	"The log is RFC 6962's tree over entries, which are OutcomeRecords of proto/carbonledger/tx/v1/ledger.proto.",
	"Keys are Ed25519. The log signs as c2sp.org/signed-note says, its validators cosign as c2sp.org/tlog-cosignature says.",
	"Checkpoints are c2sp.org/tlog-checkpoint without extension lines, the policy is c2sp.org/tlog-policy,",
	"receipts are c2sp.org/tlog-proof with the record as extra data, tiles are c2sp.org/tlog-tiles.",
	"State proofs are ICS-23 CommitmentProofs of its TendermintSpec over records in order of their keys.",
	"What is refused has the reason in our words: notes and receipts by the policy above, state proofs for the root above.",
}

func hashes(all []Hash) []hexBytes {
	out := make([]hexBytes, len(all))
	for i := range all {
		out[i] = all[i][:]
	}
	return out
}

func unhex(all []hexBytes) []Hash {
	out := make([]Hash, len(all))
	for i := range all {
		out[i] = Hash(all[i])
	}
	return out
}

func makeVectors(t *testing.T) *vectors {
	t.Helper()
	v, l := &vectors{About: aboutVectors}, newTestLog(t)
	for _, name := range []string{"log", "a", "b", "c"} {
		vkey := testLogVKey()
		if name != "log" {
			vkey = testVKey(name)
		}
		v.Keys = append(v.Keys, keyVector{name, testKey(name).Seed(), hexBytes(publicOf(testKey(name))), vkey})
	}
	for _, e := range l.entries {
		leaf := LeafHash(e)
		v.Entries = append(v.Entries, entryVector{e, leaf[:]})
	}
	size := l.tree.Size()
	root := func(size uint64) Hash { return must(Root(size, l.nodes.nodes)) }
	for n := range size + 1 {
		r := root(n)
		v.Roots = append(v.Roots, rootVector{n, r[:]})
	}
	for _, c := range [][2]uint64{{0, 1}, {0, 11}, {3, 4}, {3, 11}, {7, 8}, {10, 11}, {4, 5}, {5, 7}} {
		v.Inclusion = append(v.Inclusion, l.inclusionVector(c[0], c[1]))
	}
	for _, c := range [][2]uint64{{0, 11}, {1, 11}, {4, 11}, {6, 11}, {7, 8}, {8, 11}, {10, 11}, {11, 11}} {
		v.Consistency = append(v.Consistency, l.consistencyVector(c[0], c[1]))
	}
	c := l.checkpoint()
	v.Checkpoint = checkpointVector{
		c.Origin, c.Size, c.Root[:], testTime, c.Text(), string(originLine(c)),
		[]string{string(cosignLine(c, "a")), string(cosignLine(c, "b"))}, string(signed(c, "a", "b")),
	}
	v.Policy = WritePolicy(testLogVKey(), []string{"a", "b", "c"}, testVKeys("a", "b", "c"), 2)
	for _, i := range []int{0, 3, 10} {
		v.Receipts = append(v.Receipts, receiptVector{uint64(i), l.entries[i], string(l.receipt(i, "a", "b").Encode())})
	}
	for _, tile := range TilesOf(0, size) {
		content := bytes.Join(toSlices(l.nodes[0]), nil)
		if tile.Entries {
			content = nil
			for _, e := range l.entries {
				content = AppendEntry(content, e)
			}
		}
		v.Tiles = append(v.Tiles, tileVector{tile.Path(), content})
	}
	v.addState(t)
	v.addRefused(l)
	return v
}

func (l *testLog) inclusionVector(i, size uint64) inclusionVector {
	leaf, root := LeafHash(l.entries[i]), must(Root(size, l.nodes.nodes))
	return inclusionVector{Index: i, Size: size, Leaf: leaf[:], Path: hashes(must(Inclusion(i, size, l.nodes.nodes))), Root: root[:]}
}

func (l *testLog) consistencyVector(old, size uint64) consistencyVector {
	oldRoot, root := must(Root(old, l.nodes.nodes)), must(Root(size, l.nodes.nodes))
	return consistencyVector{Old: old, Size: size, Path: hashes(must(Consistency(old, size, l.nodes.nodes))), OldRoot: oldRoot[:], Root: root[:]}
}

func (v *vectors) addState(t *testing.T) {
	r := holdings(5)
	tree := r.tree(t)
	for i := range r.keys {
		v.State.Records = append(v.State.Records, recordVector{r.keys[i], r.values[i]})
	}
	root := tree.Root()
	v.State.Root = root[:]
	for _, c := range []struct {
		name string
		key  []byte
	}{{"existence", r.keys[2]}, {"existence of a long key", r.keys[3]}, {"absence between two", r.between(2)}, {"absence before the first", r.between(0)}, {"absence behind the last", r.between(5)}} {
		p := proveState(t, tree, r, c.key)
		value, exists, err := VerifyState(root, p, c.key)
		if err != nil {
			t.Fatal(err)
		}
		v.State.Proofs = append(v.State.Proofs, stateProofVector{Name: c.name, Key: c.key, Proof: p, Exists: exists, Value: value})
	}
	bad := func(name string, key, p []byte) {
		v.Refused.State = append(v.Refused.State, stateProofVector{Name: name, Key: key, Proof: p})
	}
	good := proveState(t, tree, r, r.keys[2])
	bad("existence of another key", r.keys[1], good)
	bad("a value changed", r.keys[2], bytes.Replace(good, r.values[2], []byte("9 t"), 1))
	bad("a byte behind it", r.keys[2], append(bytes.Clone(good), 0))
	bad("absence of a key that is there", r.keys[2], proveState(t, tree, r, r.between(2)))
	bad("nothing", r.keys[2], nil)
}

// addRefused has one of each kind; their reasons are added by refusals.
func (v *vectors) addRefused(l *testLog) {
	i := l.inclusionVector(3, 11)
	i.Index = 2
	j := l.inclusionVector(3, 11)
	j.Leaf[0] ^= 1
	k := l.inclusionVector(3, 11)
	k.Path = k.Path[1:]
	v.Refused.Inclusion = []inclusionVector{i, j, k}
	m := l.consistencyVector(6, 11)
	m.OldRoot[31] ^= 128
	n := l.consistencyVector(0, 11)
	n.OldRoot[0] ^= 1
	v.Refused.Consistency = []consistencyVector{m, n}
	c := l.checkpoint()
	text := c.Text()
	edit := func(s, old, new string) string { return strings.Replace(s, old, new, 1) }
	v.Refused.Checkpoints = []textVector{
		{Name: "an extension line", Text: text + "more\n"}, {Name: "a leading zero", Text: edit(text, "\n11\n", "\n011\n")},
		{Name: "a carriage return", Text: edit(text, "\n", "\r\n")}, {Name: "no newline at the end", Text: text[:len(text)-1]},
		{Name: "a size of 2^64", Text: edit(text, "\n11\n", "\n18446744073709551616\n")}, {Name: "no padding", Text: edit(text, "=", "")},
		{Name: "an unused bit of the root's base64", Text: string(otherForm([]byte(text)))},
	}
	own, one, two := originLine(c), cosignLine(c, "a"), cosignLine(c, "b")
	v.Refused.Notes = []textVector{
		{Name: "one cosignature of two", Text: string(c.Note(own, one))}, {Name: "one cosignature twice", Text: string(c.Note(own, one, one))},
		{Name: "no signature by the log", Text: string(c.Note(one, two))}, {Name: "another size", Text: edit(string(c.Note(own, one, two)), "\n11\n", "\n12\n")},
		{Name: "an unused bit of a signature's base64", Text: string(c.Note(own, otherForm(one), two))},
	}
	v.Refused.Policies = []textVector{
		{Name: "one key twice", Text: "log " + testLogVKey() + "\nwitness x " + testVKey("a") + "\nwitness y " + CosignerVKey("y.example", publicOf(testKey("a"))) + "\nquorum x\n"},
		{Name: "one member of two groups", Text: edit(v.Policy, "quorum validators", "group q any validator/a\nquorum q")},
		{Name: "more than there are", Text: edit(v.Policy, "validators 2 ", "validators 4 ")}, {Name: "no quorum", Text: edit(v.Policy, "quorum validators\n", "")},
		{Name: "a cosigner's key of the log's type", Text: "log " + testLogVKey() + "\nwitness a " + OriginVKey("a", publicOf(testKey("a"))) + "\nquorum a\n"},
	}
	file, other := v.Receipts[1].File, string((&Receipt{Index: 3, Path: l.receipt(3).Path, Checkpoint: signed(c, "a", "b"), Record: l.entries[2]}).Encode())
	v.Refused.Receipts = []textVector{
		{Name: "another index", Text: edit(file, "index 3", "index 2")}, {Name: "another record", Text: other},
		{Name: "a leading zero", Text: edit(file, "index 3", "index 03")}, {Name: "an empty extra line", Text: edit(edit(file, "extra ", "extra \n"), strings.Split(file, "\n")[1][6:]+"\n", "")},
		{Name: "no record", Text: string((&Receipt{Index: 3, Path: l.receipt(3).Path, Checkpoint: signed(c, "a", "b")}).Encode())},
	}
	v.Refused.Paths = []string{"tile/0/../000", "tile/00/000", "tile/0/001/234", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/64/000", "tile/0/X001/000"}
}
