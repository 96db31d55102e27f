package proof

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// alterations calls try with every file that is one small step from this one.
func alterations(file []byte, try func(how string, altered []byte)) {
	for i := range file {
		for bit := range 8 {
			b := bytes.Clone(file)
			b[i] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d flipped", bit, i), b)
		}
		try(fmt.Sprintf("byte %d left out", i), slices.Delete(bytes.Clone(file), i, i+1))
		try(fmt.Sprintf("byte %d twice", i), slices.Insert(bytes.Clone(file), i, file[i]))
		try(fmt.Sprintf("cut at %d", i), file[:i])
		try(fmt.Sprintf("begun at %d", i+1), file[i+1:])
	}
	for i := range len(file) + 1 {
		for _, c := range []byte("\n\r\t \x000=A+") {
			b := slices.Insert(bytes.Clone(file), i, c)
			if !bytes.Equal(b, file) {
				try(fmt.Sprintf("%q before byte %d", c, i), b)
			}
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(file), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	join := func(lines []string) []byte { return []byte(strings.Join(lines, "")) }
	for i := range lines {
		try(fmt.Sprintf("line %d left out", i), join(slices.Delete(slices.Clone(lines), i, i+1)))
		try(fmt.Sprintf("line %d in capitals", i), []byte(strings.Replace(string(file), lines[i], strings.ToUpper(lines[i]), 1)))
		try(fmt.Sprintf("line %d with a carriage return", i), []byte(strings.Replace(string(file), lines[i], strings.TrimSuffix(lines[i], "\n")+"\r\n", 1)))
		for j := range len(lines) + 1 {
			try(fmt.Sprintf("line %d again before line %d", i, j), join(slices.Insert(slices.Clone(lines), j, lines[i])))
			if j < i {
				swapped := slices.Clone(lines)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				try(fmt.Sprintf("lines %d and %d swapped", i, j), join(swapped))
			}
		}
	}
}

// reordered says that two files differ in the order of signature lines alone.
func reordered(a, b []byte) bool {
	one, two := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	if len(one) != len(two) {
		return false
	}
	for i := range one {
		if one[i] != two[i] && (!strings.HasPrefix(one[i], "— ") || !strings.HasPrefix(two[i], "— ")) {
			return false
		}
	}
	slices.Sort(one)
	slices.Sort(two)
	return slices.Equal(one, two)
}

// TestAlteredReceipts: of all files one step away none verifies but those with
// their signature lines in another order, which prove the same.
func TestAlteredReceipts(t *testing.T) {
	l, p := newTestLog(t), testPolicy(t, 2, "a", "b")
	file := l.receipt(3, "a", "b").Encode()
	want, err := verifyFile(file, p)
	if err != nil {
		t.Fatal(err)
	}
	var tried, parsed, orders int
	alterations(file, func(how string, altered []byte) {
		if bytes.Equal(altered, file) {
			return
		}
		tried++
		r, err := ParseReceipt(altered)
		if err != nil {
			return
		}
		parsed++
		got, err := r.Verify(p)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: an error of two lines: %v", how, err)
			}
			return
		}
		orders++
		if !reordered(altered, file) || !got.Record.Equal(want.Record) || got.Checkpoint != want.Checkpoint {
			t.Errorf("%s: verifies", how)
		}
	})
	t.Logf("%d bytes, %d altered files, %d of them of the right form, %d refused; %d with signatures in another order", len(file), tried, parsed, tried-orders, orders)
	if orders != 3 || tried < 20*len(file) || parsed < 1_000 {
		t.Error("the files are not of every kind")
	}
}

// TestSpareCosignature: where one more has cosigned than the policy asks for, an
// altered file may verify without that one; it proves the same.
func TestSpareCosignature(t *testing.T) {
	l, p := newTestLog(t), testPolicy(t, 1, "a", "b")
	file := l.receipt(3, "a", "b").Encode()
	want, err := verifyFile(file, p)
	if err != nil {
		t.Fatal(err)
	}
	signatures := bytes.Index(file, []byte("— "))
	n := 0
	alterations(file, func(how string, altered []byte) {
		if !bytes.HasPrefix(altered, file[:signatures]) || bytes.Equal(altered, file) {
			return // as in TestAlteredReceipts, whatever the quorum
		}
		got, err := verifyFile(altered, p)
		if err != nil {
			return
		}
		n++
		if !got.Record.Equal(want.Record) || got.Checkpoint != want.Checkpoint || len(got.Cosignatures) < 1 {
			t.Errorf("%s: verifies", how)
		}
	})
	t.Logf("%d altered files prove the same", n)
}

// TestAlteredRecordBeside: a record that is too long for the file is bound in
// the same way.
func TestAlteredRecordBeside(t *testing.T) {
	l, p := newTestLog(t), testPolicy(t, 1, "a")
	l.block(5, bytes.Repeat([]byte("long "), 10_000))
	r := must(ParseReceipt(l.receipt(11, "a").Encode()))
	record := l.entries[11]
	for i := 0; i < len(record); i += 997 {
		for what, other := range map[string][]byte{
			"a bit flipped":  append(append(bytes.Clone(record[:i]), record[i]^1), record[i+1:]...),
			"a byte left":    slices.Delete(bytes.Clone(record), i, i+1),
			"cut short":      record[:i],
			"a byte doubled": slices.Insert(bytes.Clone(record), i, record[i]),
		} {
			r.Record = other
			_, err := r.Verify(p)
			refused(t, fmt.Sprintf("%s at %d", what, i), err, "")
		}
	}
}
