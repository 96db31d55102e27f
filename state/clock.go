package state

import "carbonledger/tx"

// setClock moves the time of a script network forwards. A wall-clock network
// takes its time from its blocks: see chain.tick.
func (x *exec) setClock(o *tx.SetClock) *tx.Rejection {
	switch {
	case !x.chain.ScriptClock:
		return no(tx.NotScriptClock)
	case o.Time <= x.facts.time:
		return short(tx.ClockBackwards, "", x.facts.time, o.Time)
	case o.Time > maxInstant:
		return short(tx.BadParameterValue, "time", maxInstant, o.Time)
	}
	x.facts.time = o.Time
	return nil
}

// setProtocolVersion moves every replica to the next rule set from the next
// block on. A replica whose program lacks it stops there and goes on with a
// newer program (ErrVersion).
func (x *exec) setProtocolVersion(o *tx.SetProtocolVersion) *tx.Rejection {
	if o.Version != x.facts.version+1 {
		return short(tx.VersionNotNewer, "", x.facts.version, o.Version)
	}
	x.facts.version = o.Version
	return nil
}
