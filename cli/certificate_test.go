package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"golang.org/x/net/html"
)

// shownIn parses a page and returns what it shows, by cells: "label|value" lines
// and all other text. It fails where the page has what a certificate never has.
func shownIn(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	allowed := strings.Fields("html head body meta title style h1 h2 h3 p span br table tbody tr th td div ul li strong bdi pre code a details summary svg rect path")
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if !slices.Contains(allowed, n.Data) {
				t.Fatalf("the page has an element %s", n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "data:text/plain;charset=utf-8;base64,") {
					t.Fatalf("the page has an attribute %s=%q", a.Key, a.Val)
				}
			}
		case html.TextNode:
			if n.Parent.Data != "style" {
				b.WriteString(strings.TrimSpace(n.Data) + "|")
			}
		}
	}
	return regexp.MustCompile(`\|+`).ReplaceAllString(b.String(), "|")
}

func requireShown(t *testing.T, shown string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(shown, s) {
			t.Errorf("the certificate does not show %q:\n%s", s, shown)
		}
	}
}

func refuseShown(t *testing.T, shown string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.Contains(shown, s) {
			t.Errorf("the certificate shows %q", s)
		}
	}
}

func surrender(application string, amount tx.Tonnes) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: "CEA23", Tonnes: amount, Year: 2023, Application: application}}}
}

func decide(applicant, application string, approved bool) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_DecideApplication{DecideApplication: &tx.DecideApplication{Applicant: applicant, Application: application, Approved: approved}}}
}

func TestCertificateOfApproval(t *testing.T) {
	l := newTestLog(t)
	application := l.book("plant", tx.Receipt{}, surrender("S-1", 79_000))
	approval := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	refusal := l.book("region", tx.Receipt{}, decide("plant", "S-1", false))
	for range 20 {
		l.book("bank", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "plant", Amount: 1}}})
	}
	alone := shownIn(t, l.page(approval))
	requireShown(t, alone, "|申请核准证明|", "|Certificate of an approved application|", "|1. 申请审核|decision on an application|", "Applicant|plant|", "Application number|S-1|",
		"批准 approved", "names the applicant and the application alone", "Registration number|2|", "Ledger time (UTC+8)|2024-12-31T09:00:00.002+08:00|",
		"Party|region|", "Reference|r-2|", "Height|2|", "ACCEPTED", "Log (origin)|register.example/chain|", "Checkpoint: size|24|",
		"Cosigned by|register.example/chain/wuhan-1|2024-12-31T09:01:40.000+08:00|", "register.example/chain/shanghai-1|2024-12-31T09:01:41.000+08:00|")
	refuseShown(t, alone, "79,000", "CEA23", "清缴证明", "SCRIPT CLOCK", "REJECTED")

	both := shownIn(t, l.page(approval, application))
	requireShown(t, both, "|配额清缴证明|", "|Certificate of surrender|", "The application that is decided: application for surrender|", "Instrument|CEA23|",
		"Tonnes|79,000 t (seventy-nine thousand tonnes)|", "Year|2023|", "Registration number|1|")
	refuseShown(t, both, "which is not attached")

	refused := shownIn(t, l.page(refusal, application))
	requireShown(t, refused, "|登记证明|", "不予批准 refused")
	requireShown(t, shownIn(t, l.page(application)), "|登记证明|", "This is an application: what it asks for is done only by an approval")
}

// TestCertificateOfAnotherApplication: only the receipt of the application that
// is decided is taken.
func TestCertificateOfAnotherApplication(t *testing.T) {
	l := newTestLog(t)
	otherName := l.book("plant", tx.Receipt{}, surrender("S-2", 1))
	otherParty := l.book("mill", tx.Receipt{}, surrender("S-1", 2))
	notMade := l.book("plant", tx.Receipt{Reason: tx.InsufficientHolding, Have: 1, Want: 3}, surrender("S-1", 3))
	prepared := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: []tx.Operation{surrender("S-1", 4)}}}})
	made := l.book("plant", tx.Receipt{}, surrender("S-1", 5))
	approval := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	later := l.book("plant", tx.Receipt{}, surrender("S-1", 6))
	for name, bad := range map[string][]uint64{
		"another name": {otherName}, "another applicant": {otherParty}, "rejected": {notMade}, "prepared only": {prepared}, "behind the decision": {later},
		"the decision itself": {approval}, "twice": {made, made}, "the founding": {0},
	} {
		s := certificateSources{receipt: l.receipt(approval)}
		for _, i := range bad {
			s.applications = append(s.applications, l.receipt(i))
		}
		if _, err := s.certify(l.policy()); err == nil {
			t.Errorf("%s: the receipt is taken for that of the application", name)
		}
	}
	requireShown(t, shownIn(t, l.page(approval, made)), "Tonnes|5 t (five tonnes)|")

	// One transaction with two decisions takes the receipts in any order.
	several := l.book("region", tx.Receipt{}, decide("plant", "S-2", true), decide("mill", "S-1", true))
	requireShown(t, shownIn(t, l.page(several, otherParty, otherName)), "|配额清缴证明|", "1 t (one tonne)", "2 t (two tonnes)")
	requireShown(t, shownIn(t, l.page(several, otherParty)), "|登记证明|", "which is not attached")
}

func TestCertificatesOfOtherKinds(t *testing.T) {
	l := newTestLog(t)
	cancelling := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_CancelVoluntarily{CancelVoluntarily: &tx.CancelVoluntarily{Instrument: "CEA23", Tonnes: 1_000, Purpose: "公益", Application: "V-1"}}})
	carrying := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_ApplyCarryOver{ApplyCarryOver: &tx.ApplyCarryOver{Instrument: "CEA23", Tonnes: 1, Application: "C-1"}}})
	helping := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_SurrenderOnBehalf{SurrenderOnBehalf: &tx.SurrenderOnBehalf{Beneficiary: "mill", Instrument: "CEA23", Tonnes: 1, Year: 2023, Application: "B-1"}}})
	for application, want := range map[uint64][3]string{
		cancelling: {"V-1", "|自愿注销证明|Certificate of voluntary cancellation|", "Purpose (published)|公益|"},
		carrying:   {"C-1", "|配额结转证明|Certificate of carry-over|", "申请号|Application number|C-1|"},
		helping:    {"B-1", "|代为清缴证明|Certificate of surrender on behalf of another|", "For the entity|mill|"},
	} {
		approval := l.book("registry", tx.Receipt{}, decide("plant", want[0], true))
		requireShown(t, shownIn(t, l.page(approval, application)), want[1], want[2])
	}
	requireShown(t, shownIn(t, l.page(cancelling)), "|登记证明|", "This is an application")

	forced := l.book("registry", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{Entity: "plant", Year: 2023, Document: "鄂环 2024-7"}}})
	requireShown(t, shownIn(t, l.page(forced)), "|强制履约证明|Certificate of forced surrender|", "|1. 强制履约|forced surrender|", "Document number|鄂环 2024-7|", "does not name it")

	cancelled := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_CancelCCER{CancelCCER: &tx.CancelCCER{Batch: "b-1", Tonnes: 4_000, Kind: tx.NationalOffset, Cancellation: "CCER-2024-88"}}})
	requireShown(t, shownIn(t, l.page(cancelled)), "|CCER注销证明|", "4,000 t (four thousand tonnes)", "全国碳市场抵销 national offset", "Cancellation number|CCER-2024-88|")

	approved := l.book("region", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: make([]byte, 32)}}})
	requireShown(t, shownIn(t, l.page(approved)), "|登记证明|", "This approval was not the last")

	l.script = true
	scripted := l.book("region", tx.Receipt{}, decide("plant", "V-1", true))
	requireShown(t, shownIn(t, l.page(scripted)), "SCRIPT CLOCK", "脚本时钟")
}

// TestCertificateOfPrepared: what was prepared is certified by the record of the
// approval that carried it out, an application and a decision alike.
func TestCertificateOfPrepared(t *testing.T) {
	l := newTestLog(t)
	application := l.approve("plant", surrender("S-1", 79_000))
	decision := l.approve("region", decide("plant", "S-1", true))
	requireShown(t, shownIn(t, l.page(application)), "|登记证明|", "|1. 复核|approval of what was prepared|", "|1.1. 配额清缴申请|application for surrender|",
		"Tonnes|79,000 t (seventy-nine thousand tonnes)|", "This approval was the last", "This is an application")
	alone := shownIn(t, l.page(decision))
	requireShown(t, alone, "|申请核准证明|", "|1.1. 申请审核|decision on an application|", "which is not attached")
	both := shownIn(t, l.page(decision, application))
	requireShown(t, both, "|配额清缴证明|", "|Certificate of surrender|", "The application that is decided: application for surrender|", "Tonnes|79,000 t", "Registration number|2|")
	refuseShown(t, both, "which is not attached", "was not the last")

	// One that carries out beside an operation that is no approval is no record.
	for what, operation := range map[string]uint32{"another operation": 1, "no operation": 2} {
		prepared, err := tx.DecodeRecord(l.records[application])
		if err != nil {
			t.Fatal(err)
		}
		carried := prepared.CarriedOut
		carried[0].Operation = operation
		wrong := l.bookCarried("plant", tx.Receipt{}, carried, tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: make([]byte, 32)}}}, surrender("S-9", 1))
		if _, err := (certificateSources{receipt: l.receipt(wrong)}).certify(l.policy()); err == nil || !strings.Contains(err.Error(), "does not approve") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCertificateOfRejection(t *testing.T) {
	l := newTestLog(t)
	rejected := l.book("plant", tx.Receipt{Reason: tx.InsufficientHolding, Subject: "CEA23 of plant", Have: 80_000, Want: 81_000}, surrender("S-1", 81_000))
	shown := shownIn(t, l.page(rejected))
	requireShown(t, shown, "|登记证明|", "|Result: REJECTED|", "持仓不足|the holding is too small (INSUFFICIENT_HOLDING)|", "CEA23 of plant", "账本：80,000 t；交易：81,000 t",
		"short by 1,000 t", "and not carried out", "none of its operations was carried out", "Tonnes|81,000 t")
	refuseShown(t, shown, "ACCEPTED", "已接受")
	forced := l.book("registry", tx.Receipt{Reason: tx.NothingDue}, tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{Entity: "plant", Year: 2023, Document: "d"}}})
	refuseShown(t, shownIn(t, l.page(forced)), "强制履约证明", "ACCEPTED")
}

// TestCertificateEscapes: what parties write stays text, wherever it stands.
func TestCertificateEscapes(t *testing.T) {
	const hostile = `</pre></bdi><script>alert(1)</script><pre id="tlog-proof">x</pre>{{.ID}}&amp;"'+`
	l := newTestLog(t)
	document := tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{Entity: hostile, Year: 2023, Document: hostile}}}
	forced := l.book(hostile, tx.Receipt{Reference: `<img/src=x>'"&lt;`}, document)
	shown := shownIn(t, l.page(forced))
	requireShown(t, shown, "Party|"+hostile+"|", "Document number|"+hostile+"|", "Entity|"+hostile+"|", `Reference|<img/src=x>'"&lt;|`)

	subject := l.book("plant", tx.Receipt{Reason: tx.UnknownCounterparty, Subject: hostile}, document)
	requireShown(t, shownIn(t, l.page(subject)), "About|"+hostile+"|")

	purpose := l.book("plant", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_CancelVoluntarily{CancelVoluntarily: &tx.CancelVoluntarily{Instrument: hostile, Tonnes: -1, Purpose: hostile, Application: "<b>V-1</b>"}}})
	approval := l.book("registry", tx.Receipt{}, decide("plant", "<b>V-1</b>", true))
	requireShown(t, shownIn(t, l.page(approval, purpose)), "Purpose (published)|"+hostile+"|", "Instrument|"+hostile+"|", "Application number|<b>V-1</b>|")
}

// TestCertificateAltered: one byte anywhere, and the page no longer passes.
func TestCertificateAltered(t *testing.T) {
	l := newTestLog(t)
	application := l.book("plant", tx.Receipt{}, surrender("S-1", 79_000))
	approval := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	page := []byte(l.page(approval, application))
	for i := 0; i < len(page); i += 1 + i%37 {
		bad := bytes.Clone(page)
		bad[i] ^= 1
		if _, err := checkCertificate(bad, nil, l.policy()); err == nil {
			t.Fatalf("byte %d was altered, and the page passes: %q", i, page[max(0, i-20):min(len(page), i+20)])
		}
	}
	text := string(page)
	altered := map[string]string{
		"tonnes":          strings.Replace(text, "79,000 t", "790,000 t", 1),
		"two receipts":    strings.Replace(text, "<details open>", `<pre id="tlog-proof">x</pre><details open>`, 1),
		"no receipt":      strings.Replace(text, proofMark, "<pre>", 1),
		"unfinished":      text[:strings.Index(text, proofMark)+100],
		"other escapes":   strings.Replace(text, "c2sp.org/tlog-proof@v1\n", "c2sp.org&#47;tlog-proof@v1\n", 1),
		"application 2":   strings.Replace(text, "application-proof-1", "application-proof-2", 1),
		"more at the end": text + "<p>",
		"a record beside": strings.Replace(text, "\nindex", "\n\nindex", 1),
	}
	for name, bad := range altered {
		if bad == text {
			t.Fatalf("%s: nothing was altered", name)
		}
		if _, err := checkCertificate([]byte(bad), nil, l.policy()); err == nil {
			t.Errorf("%s: the page passes", name)
		}
	}
	for _, name := range []string{"two receipts", "no receipt", "unfinished", "other escapes", "application 2"} {
		if _, err := certificateReceipt([]byte(altered[name])); err == nil {
			t.Errorf("%s: a receipt comes out", name)
		}
	}
	// The receipt in a page whose text was altered still holds: the error says so.
	c, err := checkCertificate([]byte(strings.Replace(text, "79,000 t", "790,000 t", 1)), nil, l.policy())
	if !errors.Is(err, errCertificateText) || c == nil || c.main.index != approval {
		t.Errorf("altered text: %v, %v", c, err)
	}
	// A receipt whose record was altered does not.
	file, err := certificateReceipt(page)
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.ParseReceipt(file)
	if err != nil {
		t.Fatal(err)
	}
	r.Record = bytes.Replace(r.Record, []byte("S-1"), []byte("S-9"), 1)
	if _, err := (certificateSources{receipt: r.Encode()}).certify(l.policy()); err == nil {
		t.Error("a receipt with another record verifies")
	}
	other := newTestLog(t)
	other.origin = "other.example/chain"
	if _, err := checkCertificate(page, nil, other.policy()); err == nil || errors.Is(err, errCertificateText) {
		t.Errorf("with the policy of another log: %v", err)
	}
}

// TestCertificateNeedsTransaction: entries without one, and with an outcome that
// is not the transaction's, have no certificate.
func TestCertificateNeedsTransaction(t *testing.T) {
	l := newTestLog(t)
	index := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	r, err := tx.DecodeRecord(l.records[index])
	if err != nil {
		t.Fatal(err)
	}
	party, reference, empty := *r, *r, tx.OutcomeRecord{Height: 3, PreviousHash: r.PreviousHash, Head: r.Head}
	swapped := *r.Receipt
	swapped.Party, swapped.Index = "plant", 2
	party.Receipt = &swapped
	renamed := *r.Receipt
	renamed.Reference, renamed.Index = "r-9", 3
	reference.Receipt = &renamed
	for _, i := range []uint64{0, l.add(&party), l.add(&reference), l.add(&empty)} {
		if r, err := proof.ParseReceipt(l.receipt(i)); err != nil {
			t.Error(err)
		} else if _, err := r.Verify(l.policy()); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
		if _, err := (certificateSources{receipt: l.receipt(i)}).certify(l.policy()); err == nil {
			t.Errorf("entry %d has a certificate", i)
		}
	}
}

// TestCertificateLongRecord: the record travels beside the receipt, and beside
// the page.
func TestCertificateLongRecord(t *testing.T) {
	l := newTestLog(t)
	var operations []tx.Operation
	for i := range 200 {
		operations = append(operations, tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{
			Entity: fmt.Sprintf("plant-%d", i), Year: 2023, Document: strings.Repeat("d", 250),
		}}})
	}
	index := l.book("registry", tx.Receipt{}, operations...)
	record := l.records[index]
	if len(record) < 49_147 {
		t.Fatalf("the record has %d bytes and stands in the receipt", len(record))
	}
	s := certificateSources{receipt: l.receipt(index)}
	if _, err := s.certify(l.policy()); err == nil {
		t.Fatal("a certificate without its record")
	}
	s.leaf = record
	c, err := s.certify(l.policy())
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.page()
	if err != nil {
		t.Fatal(err)
	}
	requireShown(t, shownIn(t, string(page)), "|强制履约证明|", "Entity|plant-199|", "goes with this page (--leaf)")
	if _, err := checkCertificate(page, record, l.policy()); err != nil {
		t.Error(err)
	}
	if _, err := checkCertificate(page, nil, l.policy()); err == nil {
		t.Error("the page passes without its record")
	}
	s = certificateSources{receipt: l.receipt(l.book("region", tx.Receipt{}, decide("plant", "S-1", true))), leaf: record}
	if _, err := s.certify(l.policy()); err == nil {
		t.Error("another record is taken beside the one in the receipt")
	}
}

func TestCertificateCommand(t *testing.T) {
	l := newTestLog(t)
	application := l.book("plant", tx.Receipt{}, surrender("S-1", 79_000))
	approval := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	policy := file("policy.txt", []byte(l.policyText()))
	decision, first := file("decision", l.receipt(approval)), file("application", l.receipt(application))
	leaf := file("leaf", l.records[approval])
	out := filepath.Join(dir, "certificate.html")
	run := func(args ...string) (string, error) {
		cmd := newCertificateCommand(&globals{json: true})
		var to bytes.Buffer
		cmd.SetOut(&to)
		cmd.SetErr(&to)
		cmd.SilenceUsage = true
		cmd.SetArgs(args)
		err := cmd.Execute()
		return to.String(), err
	}
	said, err := run(decision, "--policy", policy, "--application", first, "--leaf", leaf, "--out", out)
	if err != nil || !strings.Contains(said, `"title":"Certificate of surrender"`) || !strings.Contains(said, `"registration_number":2,`) {
		t.Fatalf("%s: %v", said, err)
	}
	page, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != l.page(approval, application) {
		t.Error("the command writes another page")
	}
	for name, args := range map[string][]string{
		"the file exists":   {decision, "--policy", policy, "--out", out},
		"no policy":         {decision, "--out", out + "1"},
		"no receipt":        {policy, "--policy", policy, "--out", out + "2"},
		"no such file":      {decision + "x", "--policy", policy, "--out", out + "3"},
		"policy is none":    {decision, "--policy", decision, "--out", out + "4"},
		"another leaf":      {decision, "--policy", policy, "--leaf", policy, "--out", out + "5"},
		"wrong application": {decision, "--policy", policy, "--application", decision, "--out", out + "6"},
	} {
		if _, err := run(args...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if left, err := filepath.Glob(out + "?"); err != nil || len(left) > 0 {
		t.Errorf("failed commands left %v, %v", left, err)
	}
}
