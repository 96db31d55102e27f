package api

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/state"
)

// TestBusy: a ledger without room for one proof more is not broken: the caller is told
// to try again, and the client asks another node.
func TestBusy(t *testing.T) {
	err := broken(fmt.Errorf("prove: %w", state.ErrBusy))
	if info := infoOf(err); status.Code(err) != codes.ResourceExhausted || info == nil || info.Reason != reasonOverloaded || !elsewhere(err) {
		t.Errorf("busy is told as %v", err)
	}
	retry := false
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok && r.RetryDelay.AsDuration() > 0 {
			retry = true
		}
	}
	if !retry {
		t.Error("without the time after which to ask again")
	}
	if err := broken(errors.New("state: read")); status.Code(err) != codes.Internal {
		t.Errorf("a broken store is told as %v", err)
	}
}
