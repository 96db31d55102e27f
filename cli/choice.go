package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"carbonledger/tx"
)

// choices are the words of a flag, each with what it stands for, in the order in
// which they are shown.
type choices[T comparable] []choice[T]

type choice[T comparable] struct {
	word  string
	value T
}

func (all choices[T]) parse(flag, s string) (T, error) {
	for _, c := range all {
		if c.word == s {
			return c.value, nil
		}
	}
	var none T
	return none, fmt.Errorf("--%s %q: use %s", flag, s, all)
}

// word of a value; its number where it has none.
func (all choices[T]) word(value T) string {
	for _, c := range all {
		if c.value == value {
			return c.word
		}
	}
	return fmt.Sprint(value)
}

// String is "a, b or c".
func (all choices[T]) String() string {
	var words []string
	for _, c := range all {
		words = append(words, c.word)
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

var (
	tradeKinds   = choices[tx.TradeKind]{{"listed", tx.Listed}, {"block", tx.BlockTrade}, {"bidding", tx.Bidding}}
	sides        = choices[tx.Side]{{"buy", tx.Buy}, {"sell", tx.Sell}}
	stages       = choices[tx.Stage]{{"pre", tx.PreAllocation}, {"final", tx.FinalAllocation}, {"adjustment", tx.Adjustment}}
	restrictions = choices[tx.Restriction]{{"none", tx.Unrestricted}, {"trading", tx.NoTrading}, {"use", tx.NoUse}}
	subBalances  = choices[tx.SubBalance]{{"registry", tx.RegistryAvailable}, {"trading", tx.TradingAvailable}}
	biddingModes = choices[tx.BiddingMode]{{"uniform", tx.UniformPrice}, {"pay-as-bid", tx.PayAsBid}}
	cancelKinds  = choices[tx.CancellationKind]{
		{"national-offset", tx.NationalOffset}, {"local-offset", tx.LocalOffset}, {"event", tx.EventNeutrality},
		{"corporate", tx.CorporateOffset}, {"voluntary", tx.VoluntaryBenefit},
	}
	transferKinds = choices[tx.TransferKind]{
		{"succession", tx.Succession}, {"division", tx.Division}, {"judicial", tx.Judicial}, {"release", tx.Release}, {"correction", tx.Correction},
	}
	applicationKinds = choices[tx.ApplicationKind]{
		{"surrender", tx.SurrenderApplication}, {"on-behalf", tx.OnBehalfApplication}, {"cancellation", tx.CancellationApplication}, {"carry-over", tx.CarryOverApplication},
	}
	applicationStates = choices[tx.ApplicationState]{
		{"submitted", tx.ApplicationSubmitted}, {"approved", tx.ApplicationApproved}, {"refused", tx.ApplicationRefused}, {"withdrawn", tx.ApplicationWithdrawn},
	}
	orderStates    = choices[tx.OrderState]{{"open", tx.OrderOpen}, {"filled", tx.OrderFilled}, {"withdrawn", tx.OrderWithdrawn}, {"lapsed", tx.OrderLapsed}}
	tradeStates    = choices[tx.TradeState]{{"recorded", tx.TradeRecorded}, {"settled", tx.TradeSettled}, {"exception", tx.TradeException}}
	preparedStates = choices[tx.PreparedState]{{"waiting", tx.PreparedWaiting}, {"done", tx.PreparedCarriedOut}, {"withdrawn", tx.PreparedWithdrawn}}
	riskClasses    = choices[tx.RiskClass]{{"none", tx.RiskNone}, {"low", tx.RiskLow}, {"medium", tx.RiskMedium}, {"high", tx.RiskHigh}}
)

// sha256Of reads 64 hexadecimal digits, or the file of which the SHA-256 is meant.
func sha256Of(s string) ([]byte, error) {
	if sum, err := hex.DecodeString(s); err == nil && len(sum) == sha256.Size {
		return sum, nil
	}
	f, err := os.Open(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not 64 hexadecimal digits, and no file: %w", s, err)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", s, err)
	}
	return sum.Sum(nil), nil
}

// pairOf cuts PARTY/NAME.
func pairOf(flag, s string) (party, name string, err error) {
	party, name, ok := strings.Cut(s, "/")
	if !ok || party == "" || name == "" {
		return "", "", fmt.Errorf("%s %q: use PARTY/NUMBER, such as plant/B-17", flag, s)
	}
	return party, name, nil
}

// asParty ends an example.
func asParty(party string) string {
	return " --genesis genesis.toml --party " + party + " --key " + party + ".key"
}
