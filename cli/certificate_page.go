package cli

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"html/template"
	"time"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// certificateForm names the page's form. A page of another form is not written
// anew to be compared.
const certificateForm = "carbonledger certificate/v1"

// maxCertificateBytes bounds a page with all its receipts.
const maxCertificateBytes = 4 << 20

//go:embed certificate.html
var certificateText string

// pageText is what all pages for people share: their style.
//
//go:embed page.html
var pageText string

// Markers of what stands in a page word for word. No other text can hold one:
// the template escapes all of it.
const (
	proofMark  = `<pre id="tlog-proof">`
	proofEnd   = `</pre>`
	secondMark = `<pre id="application-proof-`
)

var certificateTemplate = func() *template.Template {
	t := template.New("page").Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }})
	template.Must(t.New("proof").Parse(proofMark + `{{.}}` + proofEnd))
	return template.Must(template.Must(t.Parse(certificateText)).Parse(pageText))
}()

// bilingual is a text in both languages of a certificate.
type bilingual struct{ Chinese, English string }

// certificate is what a page says.
type certificate struct {
	main         *registered
	applications []*registered

	Title      bilingual
	Notes      []bilingual
	Operations []certificateOperation
}

// proven is what the receipts prove, the main one first.
func (c *certificate) proven() []*proof.Proven {
	all := []*proof.Proven{c.main.proven}
	for _, a := range c.applications {
		all = append(all, a.proven)
	}
	return all
}

// certificateOperation is one operation that the record says, and what the application says that it
// decides.
type certificateOperation struct {
	Number   string
	Name     bilingual
	Sentence []string
	Fields   []certificateField
	// Decided is nil where no receipt of the application is there.
	Decided *certificateApplication
}

type certificateApplication struct {
	certificateOperation
	Index           uint64
	ID, Time, Party string
}

type certificateField struct {
	Label bilingual
	Value string
}

// newCertificate says of each operation what its record says.
func newCertificate(main *registered, applications []*registered) (*certificate, error) {
	c := &certificate{main: main, applications: applications}
	for _, d := range main.done {
		c.Operations = append(c.Operations, shownOperation(d.number, d.op, main.body.Party))
	}
	kinds := map[int]tx.ApplicationKind{}
	for _, a := range applications {
		i, op, err := decided(main, a)
		if err != nil {
			return nil, err
		}
		if c.Operations[i].Decided != nil {
			return nil, fmt.Errorf("two receipts are given for the application of operation %s", main.done[i].number)
		}
		out := a.outcome()
		c.Operations[i].Decided = &certificateApplication{
			shownOperation("", op, a.body.Party), a.index, fmt.Sprintf("%x", out.Id), out.Time.String(), out.Party,
		}
		kinds[i], _, _ = applicationOf(op)
	}
	c.Title = certificateTitle(main, kinds)
	c.Notes = certificateNotes(main, kinds)
	return c, nil
}

func shownOperation(number string, op *tx.Operation, party string) certificateOperation {
	name := operationWord(op)
	return certificateOperation{Number: number, Name: operationNames[name], Sentence: words.describe(op, party), Fields: operationFields(op)}
}

type certificateRejection struct {
	Operation         uint32
	Name              string
	Text              bilingual
	Subject, Numbers  string
	Have, Want, First string
}

type certificateCosignature struct{ Name, Time string }

type certificateView struct {
	*certificate
	Form                              string
	Index, Height, Size               uint64
	ID, Time, Party, Reference, Chain string
	Origin, Root, Leaf                string
	Script                            bool
	Rejection                         *certificateRejection
	Cosignatures                      []certificateCosignature
	QR                                qrPicture
	Proof                             string
	Download                          template.URL
	ApplicationProofs                 []string
	RecordBeside                      bool
}

// page writes the certificate, and takes its receipts out again to compare.
func (c *certificate) page() ([]byte, error) {
	out, checkpoint := c.main.outcome(), c.main.proven.Checkpoint
	leaf := proof.LeafHash(c.main.leaf)
	v := certificateView{
		certificate: c, Form: certificateForm, Index: c.main.index, Height: out.Height, Size: checkpoint.Size,
		ID: fmt.Sprintf("%x", out.Id), Time: out.Time.String(), Party: out.Party, Reference: out.Reference, Chain: c.main.body.ChainId,
		Origin: checkpoint.Origin, Root: base64.StdEncoding.EncodeToString(checkpoint.Root[:]), Leaf: base64.StdEncoding.EncodeToString(leaf[:]),
		Script: out.ScriptClock, Rejection: rejectionShown(out), Proof: string(c.main.file), Download: downloadOf(c.main.file),
	}
	for _, s := range c.main.proven.Cosignatures {
		v.Cosignatures = append(v.Cosignatures, certificateCosignature{s.Name, unixTime(s.Unix)})
	}
	for _, a := range c.applications {
		v.ApplicationProofs = append(v.ApplicationProofs, string(a.file))
		v.Script = v.Script || a.outcome().ScriptClock
	}
	r, err := proof.ParseReceipt(c.main.file)
	if err != nil {
		return nil, err
	}
	v.RecordBeside = len(r.Record) == 0
	if v.QR, err = newQRPicture(certificateMark(v.Origin, v.Index, v.Leaf, v.ID)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := certificateTemplate.ExecuteTemplate(&b, "page", v); err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	if b.Len() > maxCertificateBytes {
		return nil, fmt.Errorf("the certificate has %d bytes: the limit is %d", b.Len(), maxCertificateBytes)
	}
	again, err := readCertificate(b.Bytes())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again.receipt, c.main.file) || len(again.applications) != len(c.applications) {
		return nil, errors.New("the certificate does not give its receipt back")
	}
	return b.Bytes(), nil
}

// certificateMark is the text of the QR code: what tells the record from every
// other, to compare paper with a file.
func certificateMark(origin string, index uint64, leaf, id string) string {
	return fmt.Sprintf("%s\n%d\n%s\n%s\n", origin, index, leaf, id)
}

func downloadOf(file []byte) template.URL {
	return template.URL("data:text/plain;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(file))
}

// unixTime shows seconds in UTC+8; as a number where they are no time of ours.
func unixTime(unix uint64) string {
	if unix > uint64(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix()) {
		return fmt.Sprint(unix)
	}
	return tx.Instant(unix * 1000).String()
}

func rejectionShown(out *tx.Receipt) *certificateRejection {
	no := out.Rejection()
	if no == nil {
		return nil
	}
	r := &certificateRejection{
		Operation: no.Operation + 1, Name: no.Reason.String(), Text: bilingual{no.Reason.TextChinese(), no.Reason.Text()},
		Subject: no.Subject, Numbers: numbers(no),
	}
	if r.Numbers != "" {
		m := measureOf(no)
		r.Have, r.Want = m.show(no.Have), m.show(no.Want)
	}
	if len(out.FirstId) > 0 {
		r.First = fmt.Sprintf("%x", out.FirstId)
	}
	return r
}

// certificateReceipt takes the receipt out of a certificate, byte for byte. It
// says nothing about the text around it: checkCertificate does.
func certificateReceipt(page []byte) ([]byte, error) {
	c, err := readCertificate(page)
	return c.receipt, err
}

// readCertificate takes all receipts out of a certificate.
func readCertificate(page []byte) (c certificateSources, err error) {
	if c.receipt, err = marked(page, proofMark); err != nil {
		return c, err
	}
	for i := range bytes.Count(page, []byte(secondMark)) {
		a, err := marked(page, fmt.Sprintf(`%s%d">`, secondMark, i+1))
		if err != nil {
			return c, err
		}
		c.applications = append(c.applications, a)
	}
	return c, nil
}

// marked is the text behind the one marker, written as the template writes it.
func marked(page []byte, mark string) ([]byte, error) {
	if n := bytes.Count(page, []byte(mark)); n != 1 {
		return nil, fmt.Errorf("the page is no certificate: it has the marker %s %d times, not once", mark, n)
	}
	_, rest, _ := bytes.Cut(page, []byte(mark))
	inner, _, ok := bytes.Cut(rest, []byte(proofEnd))
	if !ok {
		return nil, fmt.Errorf("the page is no certificate: what begins with %s does not end", mark)
	}
	text := html.UnescapeString(string(inner))
	var again bytes.Buffer
	if err := certificateTemplate.ExecuteTemplate(&again, "proof", text); err != nil {
		return nil, err
	}
	if again.String() != proofMark+string(inner)+proofEnd {
		return nil, fmt.Errorf("the page is no certificate: what stands behind %s is not written as it must be", mark)
	}
	return []byte(text), nil
}

// errCertificateText says that a certificate's receipts hold, but not its text.
var errCertificateText = errors.New("the page is not what this program writes for its receipt with this policy: " +
	"its text was altered, or another program or policy made it; believe the receipt alone")

// checkCertificate verifies a certificate's receipts against a policy, and that
// all of its text follows from them, by writing it anew. A page of another form
// or policy fails with errCertificateText.
func checkCertificate(page, leaf []byte, p *proof.Policy) (*certificate, error) {
	s, err := readCertificate(page)
	if err != nil {
		return nil, err
	}
	s.leaf = leaf
	c, err := s.certify(p)
	if err != nil {
		return nil, err
	}
	again, err := c.page()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, page) {
		return c, errCertificateText
	}
	return c, nil
}
