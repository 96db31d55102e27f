package tx

import (
	"crypto/rand"
	"crypto/sha256"
	"runtime"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
)

// zip215 makes batch and single verification agree on every input
// (ZIP-215), so that no two replicas can differ.
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

const (
	// batchSignatures is how many Ed25519 signatures are verified in one
	// equation; beyond a few hundred the gain is small.
	batchSignatures = 512
	expandedKeys    = 16_384
	// verifiedBytes bounds one generation of remembered transactions: their raw
	// bytes, and what a decoded operation takes beside them.
	verifiedBytes  = 64 << 20
	operationBytes = 256
)

// Verified is a transaction whose encoding is canonical and whose signatures
// all hold, nested ones too. Only a Verifier makes one.
type Verified struct {
	d   *Decoded
	raw []byte
	id  ID
}

// ID of the transaction.
func (v Verified) ID() ID { return v.id }

// Body is shared: do not change it.
func (v Verified) Body() *Body { return &v.d.Body }

// Raw is the encoded transaction; do not change it.
func (v Verified) Raw() []byte { return v.raw }

// Signers are the keys that signed, in the order of the signatures.
func (v Verified) Signers() []PublicKey {
	keys := make([]PublicKey, len(v.d.Transaction.Signatures))
	for i := range keys {
		keys[i] = v.d.Transaction.Signatures[i].Key
	}
	return keys
}

// Order is a trader's order whose signature holds.
type Order struct {
	OrderBody
	ID  ID
	Key PublicKey
}

// Order of operation op, which must be a RegisterOrder.
func (v Verified) Order(d Domain, op int) Order {
	s := &v.d.Body.Operations[op].GetRegisterOrder().Order
	body, ok := s.Read()
	if !ok {
		panic("tx: a verified order does not decode")
	}
	return Order{OrderBody: body, ID: sha256.Sum256(message(orderTag, d, s.Body)), Key: s.Signature.Key}
}

// Verifier verifies transactions of one chain. It is safe for concurrent use
// and remembers what it verified lately, so that a transaction that came in
// through the API costs nothing again when its block is executed.
type Verifier struct {
	domain Domain
	keys   cache.Cache

	mu       sync.Mutex
	young    map[ID]Verified
	old      map[ID]Verified
	youngLen int
}

// NewVerifier makes a verifier of the chain with this genesis hash.
func NewVerifier(d Domain) *Verifier {
	return &Verifier{domain: d, keys: cache.NewLRUCache(expandedKeys), young: map[ID]Verified{}}
}

// Domain is the genesis hash that signatures must carry.
func (v *Verifier) Domain() Domain { return v.domain }

// Verify checks one transaction. Its error is a *Rejection.
func (v *Verifier) Verify(raw []byte) (Verified, error) {
	all, errs := v.VerifyAll([][]byte{raw})
	return all[0], errs[0]
}

// claim is one signature that must hold.
type claim struct {
	transaction, operation int
	key                    PublicKey
	message, signature     []byte
	reason                 Reason
}

// VerifyAll checks many transactions, their signatures in batches on all cores.
// Both results have the length of raws; an error is a *Rejection. It keeps the
// bytes of what it accepts: do not change them afterwards.
func (v *Verifier) VerifyAll(raws [][]byte) ([]Verified, []error) {
	out, errs := make([]Verified, len(raws)), make([]error, len(raws))
	sums := make([]ID, len(raws))
	var claims []claim
	for i, raw := range raws {
		sums[i] = sha256.Sum256(raw)
		if known, ok := v.recall(sums[i]); ok {
			out[i] = known
			continue
		}
		d, err := Decode(raw)
		if err != nil {
			errs[i] = err
			continue
		}
		out[i] = Verified{d: d, raw: raw, id: bodyID(v.domain, d.Transaction.Body)}
		claims = v.claims(claims, i, d)
	}
	for i, ok := range v.check(claims) {
		c := &claims[i]
		if !ok && errs[c.transaction] == nil {
			errs[c.transaction] = &Rejection{Reason: c.reason, Operation: uint32(c.operation), Subject: c.key.String()}
		}
	}
	for i := range raws {
		switch {
		case errs[i] != nil:
			out[i] = Verified{}
		default:
			v.remember(sums[i], out[i])
		}
	}
	return out, errs
}

// claims appends the signatures of a transaction, its own and the nested ones.
func (v *Verifier) claims(all []claim, i int, d *Decoded) []claim {
	own := message(transactionTag, v.domain, d.Transaction.Body)
	for _, s := range d.Transaction.Signatures {
		all = append(all, claim{i, 0, s.Key, own, s.Signature, BadSignature})
	}
	for op := range d.Body.Operations {
		all = v.nested(all, i, op, d.Body.Party, &d.Body.Operations[op])
	}
	return all
}

// nested appends the signatures inside an operation: proofs of keys, and orders.
func (v *Verifier) nested(all []claim, i, op int, party string, o *Operation) []claim {
	prove := func(party string, keys []ProvenKey) {
		for _, k := range keys {
			all = append(all, claim{i, op, k.Key, message(keyTag, v.domain, []byte(party)), k.Proof, BadProof})
		}
	}
	switch o := o.Operation.(type) {
	case *Operation_OpenAccount:
		prove(o.OpenAccount.Id, o.OpenAccount.Keys)
	case *Operation_AddKey:
		prove(party, []ProvenKey{o.AddKey.Key})
	case *Operation_RecoverKeys:
		prove(o.RecoverKeys.Party, o.RecoverKeys.Keys)
	case *Operation_RegisterOrder:
		s := &o.RegisterOrder.Order
		all = append(all, claim{i, op, s.Signature.Key, message(orderTag, v.domain, s.Body), s.Signature.Signature, BadSignature})
	case *Operation_Prepare:
		for k := range o.Prepare.Operations {
			all = v.nested(all, i, op, party, &o.Prepare.Operations[k])
		}
	}
	return all
}

// check verifies claims in batches spread over the cores.
func (v *Verifier) check(claims []claim) []bool {
	holds := make([]bool, len(claims))
	size := min(batchSignatures, (len(claims)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for from := 0; from < len(claims); from += max(size, 1) {
		to := min(from+max(size, 1), len(claims))
		if from == 0 && to == len(claims) {
			v.checkBatch(claims, holds)
			break
		}
		wg.Go(func() { v.checkBatch(claims[from:to], holds[from:to]) })
	}
	wg.Wait()
	return holds
}

func (v *Verifier) checkBatch(claims []claim, holds []bool) {
	batch := ed25519.NewBatchVerifierWithCapacity(len(claims))
	var at []int
	for i := range claims {
		c := &claims[i]
		switch {
		case c.key.Scheme == SM2:
			holds[i] = verifySM2(c.key.Key, c.message, c.signature)
		case c.key.Scheme == Ed25519 && len(c.key.Key) == ed25519KeyBytes:
			key := v.expand(c.key.Key)
			if key == nil {
				continue
			}
			batch.AddExpandedWithOptions(key, c.message, c.signature, zip215)
			at = append(at, i)
		}
	}
	switch {
	case len(at) == 1:
		// One equation for one signature costs more than checking it.
		c := &claims[at[0]]
		holds[at[0]] = ed25519.VerifyExpandedWithOptions(v.expand(c.key.Key), c.message, c.signature, zip215)
	case len(at) > 1:
		_, each := batch.Verify(rand.Reader)
		for n, i := range at {
			holds[i] = each[n]
		}
	}
}

// expand decompresses a key once; nil where it is not a point.
func (v *Verifier) expand(key []byte) *ed25519.ExpandedPublicKey {
	point, err := curve.NewCompressedEdwardsYFromBytes(key)
	if err != nil {
		return nil
	}
	if e := v.keys.Get(point); e != nil {
		return e
	}
	e, err := ed25519.NewExpandedPublicKey(key)
	if err != nil {
		return nil
	}
	v.keys.Put(point, e)
	return e
}

// verifyOne checks a single signature without any cache.
func verifyOne(key PublicKey, message, sig []byte) bool {
	switch key.Scheme {
	case Ed25519:
		return len(key.Key) == ed25519KeyBytes && ed25519.VerifyWithOptions(key.Key, message, sig, zip215)
	case SM2:
		return verifySM2(key.Key, message, sig)
	}
	return false
}

func (v *Verifier) recall(sum ID) (Verified, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t, ok := v.young[sum]; ok {
		return t, true
	}
	t, ok := v.old[sum]
	return t, ok
}

// remember keeps a verified transaction for one to two generations.
func (v *Verifier) remember(sum ID, t Verified) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.young[sum]; ok {
		return
	}
	size := len(t.raw) + operationBytes*len(t.d.Body.Operations)
	for i := range t.d.Body.Operations {
		if p := t.d.Body.Operations[i].GetPrepare(); p != nil {
			size += operationBytes * len(p.Operations)
		}
	}
	if v.youngLen += size; v.youngLen > verifiedBytes {
		v.old, v.young, v.youngLen = v.young, map[ID]Verified{}, size
	}
	v.young[sum] = t
}
