package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"strings"
	"testing"

	"carbonledger/tx"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// vectorsDir holds all test vectors of docs/format.md.
const vectorsDir = "../../testdata/vectors"

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
		Policies    []policyVector      `json:"policies"`
		Receipts    []receiptVector     `json:"receipts"`
		Tiles       []tileVector        `json:"tiles"`
		Counted     countedVector       `json:"counted"`
		Refused     refusedVectors      `json:"refused"`
	}
	policyVector struct {
		Name   string `json:"name"`
		Policy string `json:"policy"`
		Note   string `json:"note"`
		Counts bool   `json:"counts"`
		Reason string `json:"reason,omitempty"`
	}
	// countedVector is of the log whose entry N is the text "entry N".
	countedVector struct {
		Roots       []rootVector        `json:"roots"`
		Inclusion   []inclusionVector   `json:"inclusion"`
		Consistency []consistencyVector `json:"consistency"`
		Tiles       []tileHashVector    `json:"tiles"`
	}
	tileHashVector struct {
		Size   uint64   `json:"size"`
		Path   string   `json:"path"`
		SHA256 hexBytes `json:"sha256"`
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
	}
)

var aboutVectors = []string{
	"Test vectors of carbonledger's log. Byte strings are hexadecimal; texts are as they are, in UTF-8.",
	"The log is RFC 6962's tree over entries, which are OutcomeRecords of proto/carbonledger/tx/v1/ledger.proto.",
	"Keys are Ed25519. The log signs as c2sp.org/signed-note says, its validators cosign as c2sp.org/tlog-cosignature says.",
	"Checkpoints are c2sp.org/tlog-checkpoint without extension lines, the policy is c2sp.org/tlog-policy,",
	"receipts are c2sp.org/tlog-proof with the record as extra data, tiles are c2sp.org/tlog-tiles.",
	"The transactions in these records are samples and no transactions: records.json has real ones.",
	"\"policies\" has a note for each policy, and whether the checkpoint counts by it.",
	"\"counted\" is of another log, whose entry N is the ASCII text \"entry N\"; of its tiles stands the SHA-256.",
	"What is refused has the reason in our words: notes and receipts by the policy above.",
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
	v.addPolicies(c)
	v.addCounted(t)
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

// addPolicies has what satisfies a policy, and what does not.
func (v *vectors) addPolicies(c *Checkpoint) {
	head := "log " + testLogVKey() + "\n"
	for _, name := range []string{"a", "b", "c"} {
		head += "witness " + name + " " + testVKey(name) + "\n"
	}
	for _, p := range []struct {
		name, rest string
		by         []string
		counts     bool
	}{
		{"two of three", "group g 2 a b c\nquorum g\n", []string{"a", "c"}, true},
		{"one of three, where two are asked for", "group g 2 a b c\nquorum g\n", []string{"a"}, false},
		{"all", "group g all a b c\nquorum g\n", []string{"a", "b", "c"}, true},
		{"two, where all are asked for", "group g all a b c\nquorum g\n", []string{"a", "b"}, false},
		{"any", "group g any a b\nquorum g\n", []string{"b"}, true},
		{"one that is in no group, where any of a group is asked for", "group g any a b\nquorum g\n", []string{"c"}, false},
		{"a group of groups", "group ab any a b\ngroup g all ab c\nquorum g\n", []string{"b", "c"}, true},
		{"a group of groups, of which one is satisfied twice", "group ab any a b\ngroup g all ab c\nquorum g\n", []string{"a", "b"}, false},
		{"one witness", "quorum b\n", []string{"b"}, true},
		{"another witness", "quorum b\n", []string{"a", "c"}, false},
		{"none", "quorum none\n", nil, true},
		{"a stranger beside those that are asked for", "group g 2 a b c\nquorum g\n", []string{"a", "b", "stranger"}, true},
		{"a stranger in place of one that is asked for", "group g 2 a b c\nquorum g\n", []string{"a", "stranger"}, false},
		{"comments, tabs and URLs", "# who\n\n\tgroup  g\t2 a b c\nwitness d " + testVKey("d") + " https://d.example/\nquorum g\n", []string{"b", "c"}, true},
	} {
		v.Policies = append(v.Policies, policyVector{Name: p.name, Policy: head + p.rest, Note: string(signed(c, p.by...)), Counts: p.counts})
	}
	v.Policies = append(v.Policies, policyVector{
		Name: "another log", Policy: strings.Replace(head, testLogVKey(), OriginVKey(testOrigin, publicOf(testKey("another log"))), 1) + "quorum a\n", Note: string(signed(c, "a")),
	})
}

// addCounted has sizes around those at which tiles are full.
func (v *vectors) addCounted(t *testing.T) {
	k := kept{}
	growTree(t, k, nil, 65_537)
	root := func(size uint64) Hash { return must(Root(size, k.nodes)) }
	for _, n := range []uint64{0, 1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 129, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537} {
		r := root(n)
		v.Counted.Roots = append(v.Counted.Roots, rootVector{n, r[:]})
	}
	for _, c := range [][2]uint64{{0, 255}, {254, 255}, {0, 256}, {255, 256}, {0, 257}, {255, 257}, {256, 257}, {256, 513}, {0, 65_537}, {65_535, 65_537}, {65_536, 65_537}} {
		leaf, r := LeafHash(leafData(int(c[0]))), root(c[1])
		v.Counted.Inclusion = append(v.Counted.Inclusion, inclusionVector{Index: c[0], Size: c[1], Leaf: leaf[:], Path: hashes(must(Inclusion(c[0], c[1], k.nodes))), Root: r[:]})
	}
	for _, c := range [][2]uint64{{255, 256}, {255, 257}, {256, 257}, {256, 512}, {257, 513}, {512, 65_537}, {65_536, 65_537}} {
		old, r := root(c[0]), root(c[1])
		v.Counted.Consistency = append(v.Counted.Consistency, consistencyVector{Old: c[0], Size: c[1], Path: hashes(must(Consistency(c[0], c[1], k.nodes))), OldRoot: old[:], Root: r[:]})
	}
	for _, size := range []uint64{255, 256, 257, 513} {
		for _, tile := range TilesOf(0, size) {
			sum := sha256.Sum256(tileContent(k, tile))
			v.Counted.Tiles = append(v.Counted.Tiles, tileHashVector{size, tile.Path(), sum[:]})
		}
	}
}

// tileContent is a tile of the log that is counted.
func tileContent(k kept, tile Tile) (b []byte) {
	first := tile.Index * TileWidth
	if tile.Entries {
		for i := range tile.Width {
			b = AppendEntry(b, leafData(int(first)+i))
		}
		return b
	}
	for _, h := range must(k.nodes(tile.Level*TileHeight, first, tile.Width)) {
		b = append(b, h[:]...)
	}
	return b
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
	size, noBlock := l.tree.Size(), must((&tx.OutcomeRecord{Height: 5, PreviousHash: make([]byte, 32)}).Marshal())
	refusal := func(change func(r *tx.Receipt)) []byte {
		o := must(tx.DecodeRecord(l.entries[3]))
		o.Receipt.Index = size
		change(o.Receipt)
		return must(o.Marshal())
	}
	for _, bad := range []struct {
		name  string
		at    uint64
		entry []byte
	}{
		{"a founding behind the first entry", size, l.entries[0]}, {"a block as the first entry", 0, l.entries[1]}, {"no block", size, noBlock},
		{"a reason that leaves no record", size, refusal(func(r *tx.Receipt) { r.Reason = tx.BadSignature })},
		{"accepted, about something", size, refusal(func(r *tx.Receipt) { r.Subject = "CEA23" })},
		{"a first id", size, refusal(func(r *tx.Receipt) { r.FirstId = r.Id })}, {"an id of 31 bytes", size, refusal(func(r *tx.Receipt) { r.Id = r.Id[1:] })},
		{"a subject that does not show", size, refusal(func(r *tx.Receipt) { r.Reason, r.Subject = tx.InsufficientHolding, "\x1b[31mred" })},
		{"a subject of 404 bytes", size, refusal(func(r *tx.Receipt) { r.Reason, r.Subject = tx.InsufficientHolding, strings.Repeat("x", 404) })},
	} {
		liar := &testLog{t: l.t, nodes: kept{}, tree: must(OpenTree(0, nil))}
		for _, e := range l.entries[:bad.at] {
			liar.addRaw(e)
		}
		liar.addRaw(bad.entry)
		v.Refused.Receipts = append(v.Refused.Receipts, textVector{Name: bad.name, Text: string(liar.receipt(int(bad.at), "a", "b").Encode())})
	}
	v.Refused.Paths = []string{"tile/0/../000", "tile/00/000", "tile/0/001/234", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/64/000", "tile/0/X001/000"}
}
