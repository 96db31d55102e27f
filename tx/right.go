package tx

import "strings"

// Right is what a key may do for its party; rights add up.
type Right uint32

// The rights of keys.
const (
	// RightPrepare asks for operations, and prepares them.
	RightPrepare Right = 1
	// RightApprove signs beside the one who asks, and approves what is prepared.
	RightApprove Right = 2
	// RightTrade signs orders and trades.
	RightTrade Right = 4
	// RightTreasury records and asks for movements of money.
	RightTreasury Right = 8
	// RightView reads what is the party's own.
	RightView Right = 16
	// AllRights are all of these.
	AllRights Right = 31
)

// rightNames in ascending order of the rights.
var rightNames = []string{"prepare", "approve", "trade", "treasury", "view"}

// String is the rights' names, such as "prepare,trade".
func (r Right) String() string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseRights reads names with commas between; "" and "all" are all rights.
func ParseRights(s string) (Right, bool) {
	if s == "" || s == "all" {
		return AllRights, true
	}
	var r Right
	for name := range strings.SplitSeq(s, ",") {
		known := false
		for i, n := range rightNames {
			if n == name {
				r, known = r|1<<i, true
			}
		}
		if !known {
			return 0, false
		}
	}
	return r, true
}
