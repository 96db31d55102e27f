package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"carbonledger/tx"
)

// Metadata of a request that shows what not everybody may see.
const (
	metadataParty     = "carbonledger-party"
	metadataKey       = "carbonledger-key"
	metadataTime      = "carbonledger-time"
	metadataSignature = "carbonledger-signature"
)

// clockTolerance is how far a signed request's time may be from the node's.
const clockTolerance = 60 * time.Second

// reader is who signed a request; what it may see is the ledger's to say.
type reader struct {
	party string
	key   tx.PublicKey
}

// authenticate checks a request's signature and time, before any of the
// ledger's work.
func (s *Server) authenticate(ctx context.Context, method string, in gogoproto.Message) (reader, error) {
	refuse := func(reason, format string, a ...any) (reader, error) {
		return reader{}, failure{code: codes.Unauthenticated, reason: reason, text: fmt.Sprintf(format, a...)}.err()
	}
	md, _ := metadata.FromIncomingContext(ctx)
	var v [4]string
	for i, name := range []string{metadataParty, metadataKey, metadataTime, metadataSignature} {
		values := md.Get(name)
		if len(values) != 1 {
			return refuse(reasonNotSigned, "%s is not for everyone: sign the request (metadata %s is missing or double)", method, name)
		}
		v[i] = values[0]
	}
	if !isName(v[0], maxPartyBytes) {
		return refuse(reasonNotSigned, "%s %q is no id", metadataParty, v[0])
	}
	key, err := tx.ParsePublicKey(v[1])
	if err != nil {
		return refuse(reasonBadSignature, "%s: %v", metadataKey, err)
	}
	at, err := strconv.ParseInt(v[2], 10, 64)
	if err != nil {
		return refuse(reasonBadSignature, "%s %q is no number of milliseconds", metadataTime, v[2])
	}
	signature, err := hex.DecodeString(v[3])
	if err != nil {
		return refuse(reasonBadSignature, "%s is not hexadecimal", metadataSignature)
	}
	if now := time.Now().UnixMilli(); at < now-clockTolerance.Milliseconds() || at > now+clockTolerance.Milliseconds() {
		return refuse(reasonClock, "the request was signed at %s, this node has %s: set the clock and sign again", tx.Instant(at), tx.Instant(now))
	}
	raw, err := gogoproto.Marshal(in)
	if err != nil {
		return reader{}, broken(err)
	}
	chain := s.chain.Load()
	if chain == nil {
		c := s.backend.Status().Head.Chain
		if len(c.GenesisHash) != len(tx.Domain{}) {
			return reader{}, failure{code: codes.Unavailable, reason: reasonFailed, text: "this node does not know its chain yet"}.err()
		}
		chain = &c
		s.chain.Store(chain)
	}
	if !tx.VerifyRead(tx.Domain(chain.GenesisHash), key, method, raw, tx.Instant(at), signature) {
		return refuse(reasonBadSignature, "the signature does not fit the request, the method and the chain %s", chain.ChainId)
	}
	return reader{party: v[0], key: key}, nil
}

// authenticateUnary is authenticate for the method that ctx belongs to.
func (s *Server) authenticateUnary(ctx context.Context, in gogoproto.Message) (reader, error) {
	method, _ := grpc.Method(ctx)
	return s.authenticate(ctx, method, in)
}

// scope is what a reader may see.
type scope int

const (
	seesOwn scope = iota
	seesBlocks
	seesAll
)

// scope looks the reader's key up at the view's height.
func (r reader) scope(v View) (scope, error) {
	party, ok, err := v.Party(r.party)
	if err != nil {
		return seesOwn, broken(err)
	}
	if ok && holds(&party, r.key, v.Head().Time) {
		switch party.Role {
		case tx.Ministry, tx.RegionDepartment, tx.Registry, tx.Exchange, tx.SettlementBank, tx.Auditor:
			return seesAll, nil
		}
		return seesOwn, nil
	}
	if r.key.Scheme == tx.Ed25519 {
		validators, err := v.Validators()
		if err != nil {
			return seesOwn, broken(err)
		}
		for i := range validators {
			if validators[i].Name == r.party && bytes.Equal(validators[i].NodeKey, r.key.Key) {
				return seesBlocks, nil
			}
		}
	}
	return seesOwn, r.denied(v, "the key is not, or no longer, a key of %s that may read", r.party)
}

// may refuses a reader that does not see all and does not ask for its own. One who
// sees all is told of an owner that has no account: an empty answer about a mistyped
// name would pass for one about a party.
func (r reader) may(v View, owner string) error {
	sees, err := r.scope(v)
	switch {
	case err != nil:
		return err
	case sees == seesOwn && owner == r.party:
		return nil
	case sees == seesAll:
		return accounts(v, owner)
	case owner == "":
		return r.denied(v, "%s may read only its own: name it as the party", r.party)
	}
	return r.denied(v, "%s may not read what is %s's", r.party, owner)
}

// accounts refuses names that no account has; what is not named is not looked for.
func accounts(v View, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		_, ok, err := v.Party(name)
		if err != nil {
			return broken(err)
		}
		if !ok {
			return notFound(v.Head().Height, "there is no account %s", name)
		}
	}
	return nil
}

// instrument refuses a code that no allowances have; everybody may know which do.
func instrument(v View, code string) error {
	if code != "" && !v.HasInstrument(code) {
		return notFound(v.Head().Height, "there is no instrument %s", code)
	}
	return nil
}

// mayReductions is may for CCER, all of which their own registry and exchange see.
func (r reader) mayReductions(v View, owner string) error {
	party, ok, err := v.Party(r.party)
	if err != nil {
		return broken(err)
	}
	if ok && (party.Role == tx.CCERRegistry || party.Role == tx.CCERExchange) && holds(&party, r.key, v.Head().Time) {
		return accounts(v, owner)
	}
	return r.may(v, owner)
}

// mayRisks refuses all but ministry, registry, auditors, and a region that asks
// for its own entities.
func (r reader) mayRisks(v View, region, entity string) error {
	party, ok, err := v.Party(r.party)
	if err != nil {
		return broken(err)
	}
	if ok && holds(&party, r.key, v.Head().Time) {
		switch party.Role {
		case tx.Ministry, tx.Registry, tx.Auditor:
			return accounts(v, region, entity)
		case tx.RegionDepartment:
			if region == r.party {
				return accounts(v, entity)
			}
			return r.denied(v, "%s may read the risks of its own entities alone: name it as the region", r.party)
		}
	}
	return r.denied(v, "%s may not read what entities lack", r.party)
}

// mayBlocks refuses a reader that may not see whole blocks.
func (r reader) mayBlocks(v View) error {
	sees, err := r.scope(v)
	if err == nil && sees == seesOwn {
		return r.denied(v, "%s may not read blocks, which show everyone's transactions", r.party)
	}
	return err
}

func (r reader) denied(v View, format string, a ...any) error {
	h := v.Head().Height
	return failure{
		code: codes.PermissionDenied, reason: reasonNoRight, metadata: atHeight(h),
		text: fmt.Sprintf(format, a...) + fmt.Sprintf(" (at height %d)", h),
	}.err()
}

// holds reports whether key may read for the party at a time.
func holds(p *tx.Party, key tx.PublicKey, at tx.Instant) bool {
	for i := range p.Keys {
		k := &p.Keys[i]
		if k.RevokedHeight == 0 && k.Key.Scheme == key.Scheme && bytes.Equal(k.Key.Key, key.Key) &&
			tx.Right(k.Rights)&tx.RightView != 0 && at >= k.ValidFrom && (k.ValidUntil == 0 || at <= k.ValidUntil) {
			return true
		}
	}
	return false
}
