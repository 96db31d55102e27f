package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"carbonledger/tx"
)

// errorDomain is the domain of every ErrorInfo of this service.
const errorDomain = "carbonledger"

// Reasons of an ErrorInfo besides the names of tx.Reason. They are stable.
const (
	reasonBadRequest       = "BAD_REQUEST"
	reasonBadCursor        = "BAD_CURSOR"
	reasonNotFound         = "NOT_FOUND"
	reasonHeightNotReached = "HEIGHT_NOT_REACHED"
	reasonHeightNotKnown   = "HEIGHT_NOT_KNOWN"
	reasonOverloaded       = "OVERLOADED"
	reasonNotDone          = "NOT_DONE"
	reasonOutcomeUnknown   = "OUTCOME_UNKNOWN"
	reasonNotSigned        = "READ_NOT_SIGNED"
	reasonBadSignature     = "READ_BAD_SIGNATURE"
	reasonClock            = "READ_CLOCK"
	reasonNoRight          = "READ_NO_RIGHT"
	reasonStopping         = "STOPPING"
	reasonFailed           = "NODE_FAILED"
	reasonArchived         = "ARCHIVED"
)

// failure is a gRPC error in the making.
type failure struct {
	code     codes.Code
	reason   string
	text     string
	metadata map[string]string
	// retry is when asking again may help; 0: it will not.
	retry time.Duration
}

func (f failure) err() error {
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: f.reason, Domain: errorDomain, Metadata: f.metadata})}
	if f.retry > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)}))
	}
	s := status.New(f.code, strings.ToValidUTF8(f.text, "?"))
	with, err := s.WithDetails(details...)
	if err != nil {
		return s.Err()
	}
	return with.Err()
}

func badRequest(format string, a ...any) error {
	return failure{code: codes.InvalidArgument, reason: reasonBadRequest, text: fmt.Sprintf(format, a...)}.err()
}

func notFound(height uint64, format string, a ...any) error {
	return failure{
		code: codes.NotFound, reason: reasonNotFound, metadata: atHeight(height),
		text: fmt.Sprintf(format, a...) + fmt.Sprintf(" (at height %d)", height),
	}.err()
}

func overloaded(what string) error {
	return failure{code: codes.ResourceExhausted, reason: reasonOverloaded, retry: 200 * time.Millisecond, text: what + ": ask again, or another node"}.err()
}

func atHeight(h uint64) map[string]string {
	return map[string]string{"height": strconv.FormatUint(h, 10)}
}

// refused is a transaction that no block takes.
func refused(r *tx.Rejection, text string) error {
	m := map[string]string{
		"operation": strconv.FormatUint(uint64(r.Operation), 10), "reason_number": strconv.FormatUint(uint64(r.Reason), 10),
		"have": strconv.FormatInt(r.Have, 10), "want": strconv.FormatInt(r.Want, 10),
	}
	if r.Subject != "" && utf8.ValidString(r.Subject) {
		m["subject"] = r.Subject
	}
	return failure{code: codes.InvalidArgument, reason: r.Reason.String(), metadata: m, text: text}.err()
}

// submitFailure tells what became of transactions without a receipt.
func submitFailure(err error) error {
	var no *tx.Rejection
	switch {
	case errors.As(err, &no):
		return refused(no, err.Error())
	case errors.Is(err, ErrOverloaded):
		return failure{code: codes.ResourceExhausted, reason: reasonOverloaded, retry: 200 * time.Millisecond, text: err.Error()}.err()
	case errors.Is(err, ErrWithoutEffect):
		return failure{code: codes.Unavailable, reason: reasonNotDone, retry: 200 * time.Millisecond, text: err.Error()}.err()
	}
	// Whatever else went wrong, the transactions may be on their way.
	return failure{code: codes.Unavailable, reason: reasonOutcomeUnknown, retry: 100 * time.Millisecond, text: err.Error()}.err()
}

// viewFailure tells why a state could not be shown; have is the height that
// the node has.
func viewFailure(ctx context.Context, err error, have, want uint64) error {
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return status.FromContextError(ctx.Err()).Err()
	case errors.Is(err, context.DeadlineExceeded):
		m := atHeight(have)
		m["have"], m["want"] = strconv.FormatUint(have, 10), strconv.FormatUint(want, 10)
		return failure{
			code: codes.Unavailable, reason: reasonHeightNotReached, metadata: m, retry: time.Second,
			text: fmt.Sprintf("this node is at height %d, not yet at %d: ask again, or another node", have, want),
		}.err()
	}
	return failure{code: codes.Unavailable, reason: reasonFailed, text: fmt.Sprintf("this node cannot show its state: %v", err)}.err()
}

// tooFar refuses to wait for a height that will not come in time.
func tooFar(have, want uint64) error {
	m := atHeight(have)
	m["have"], m["want"] = strconv.FormatUint(have, 10), strconv.FormatUint(want, 10)
	return failure{
		code: codes.OutOfRange, reason: reasonHeightNotKnown, metadata: m,
		text: fmt.Sprintf("min_height %d is far above %d, the newest height that this node knows of: ask for a height of a receipt or of an answer of this network, or ask another node", want, have),
	}.err()
}

// broken is a failure to read the node's own store.
func broken(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if gone := archived(err); gone != nil {
		return gone
	}
	var busy interface {
		error
		Busy()
	}
	if errors.As(err, &busy) {
		return failure{code: codes.ResourceExhausted, reason: reasonOverloaded, retry: time.Second, text: busy.Error() + ", or ask another node"}.err()
	}
	return failure{code: codes.Internal, reason: reasonFailed, text: fmt.Sprintf("this node failed to read its state: %v", err)}.err()
}

// archived is the answer where an entry of the log was dropped on this node; nil
// where the error is another one.
func archived(err error) error {
	var gone interface {
		error
		Archived() (index uint64, url string)
	}
	if !errors.As(err, &gone) {
		return nil
	}
	index, url := gone.Archived()
	return failure{
		code: codes.FailedPrecondition, reason: reasonArchived, metadata: map[string]string{"index": strconv.FormatUint(index, 10), "url": url},
		text: gone.Error() + ": ask another node, or the archive: \"receipt get\" and \"audit\" take its URL",
	}.err()
}

// infoOf is our ErrorInfo of an error, nil where it has none.
func infoOf(err error) *errdetails.ErrorInfo {
	s, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return info
		}
	}
	return nil
}
